"""Where a search for an optimum looks next, and what it finds."""
