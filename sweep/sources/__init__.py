"""Reads sweeps that other tools ran, and makes them our table of trials: a reader for each format."""
