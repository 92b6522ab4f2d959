"""Sweeps on a cluster that this machine is no part of, through the HTTP API of Ray's jobs."""
