"""The only package that imports MLflow, and the queue of what is on its way to it."""
