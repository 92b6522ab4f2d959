"""The models: their catalog, their registration with timm, their complexity."""
