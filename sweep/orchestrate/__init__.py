"""The only package that imports Ray, and what a worker does."""
