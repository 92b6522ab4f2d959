"""Searches for an optimum: the next point, pruning, and the result."""
