"""A hyperparameter-robustness sweep service: how hard is a model to train?"""
