"""Sweeps that other tools ran, as our table of trials."""
