"""Runs sweeps and searches and keeps their books."""
