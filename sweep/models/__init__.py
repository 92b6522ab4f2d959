"""The paper's models as data, building them and any other model of timm, and what a model costs."""
