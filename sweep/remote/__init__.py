"""Commands on a cluster that this machine is no part of, over HTTP; their sweeps are fetched from it."""
