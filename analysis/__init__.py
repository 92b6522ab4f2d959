"""Error distribution functions of hyperparameter sweeps: numbers from a table of trials.

Pure: numpy, scipy and pandas. The drawing is in `analysis.figures`, which is not imported here, so that
numbers need no matplotlib.
"""

from analysis.edf import DELTAS, EDF, Curve, curves, edf, flattery, share_within, summary
from analysis.errors import AnalysisError
from analysis.table import Sweep, read_sweeps

__all__ = [
    "DELTAS",
    "EDF",
    "AnalysisError",
    "Curve",
    "Sweep",
    "curves",
    "edf",
    "flattery",
    "read_sweeps",
    "share_within",
    "summary",
]
