"""Recording sweeps in MLflow: the only package that imports it."""
