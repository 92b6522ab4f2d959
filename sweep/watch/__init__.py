"""The page on sweeps that are running: follows their journals, whoever drives them, and serves it."""
