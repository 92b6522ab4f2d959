"""A hyperparameter-robustness sweep service: how hard is a model to train?"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sweep.driver.api import SearchResult, SweepResult, find_optimum, read_trials, run_sweep

__all__ = ["SearchResult", "SweepResult", "find_optimum", "read_trials", "run_sweep"]


def __getattr__(name: str) -> Any:
    """Import the Python API once it is asked for: the command line does without, and starts sooner."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from sweep.driver import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return __all__
