"""The models: the catalog, their registration with timm, their cost."""
