"""A hyperparameter-robustness sweep service: how hard is a model to train?"""

from sweep.driver.api import SearchResult, SweepResult, find_optimum, read_trials, run_sweep

__all__ = ["SearchResult", "SweepResult", "find_optimum", "read_trials", "run_sweep"]
