"""Statistics of hyperparameter sweeps, computed from a table of trials.

Needs numpy, scipy and pandas only. `analysis.figures` draws; it is not imported here, so that computing
numbers needs no matplotlib.
"""

from analysis.across import Across, across_table, read_across
from analysis.bands import BANDS, Band, curve_band, no_band
from analysis.budgets import Budgets
from analysis.chance import of_chance
from analysis.compare import TESTS, compare
from analysis.comparison import Comparison
from analysis.comparison_sentences import Answer, advice, answers, sentences
from analysis.comparison_table import comparison_table
from analysis.edf import DELTAS, EDF, Curve, curve_of, curves, edf, share_within
from analysis.equivalence import Margin, read_margin
from analysis.errors import AnalysisError
from analysis.intervals import Interval
from analysis.knobs import Knobs, knobs_table, read_knobs
from analysis.metric import METRIC_COLUMNS, TOP1_ERROR, Metric
from analysis.outcomes import Outcome, best_within, outcome_table, outcomes, published
from analysis.relative import relative_sweeps, with_relative_shares
from analysis.repeats import Repeated, SeedSpread, repeated_points, repeats_table, seed_spread
from analysis.rounds import Rounds, of_rounds
from analysis.settled import Look, look
from analysis.summaries import Summary, summarise, summary_table
from analysis.sweep_trials import SweepTrials, read_sweeps
from analysis.tuning import TuningCurve, tuning_curve
from analysis.verdicts import flattery, too_short, verdicts
from analysis.words import of_repeats, of_seeds

__all__ = [
    "BANDS",
    "DELTAS",
    "EDF",
    "METRIC_COLUMNS",
    "TESTS",
    "TOP1_ERROR",
    "Across",
    "AnalysisError",
    "Answer",
    "Band",
    "Budgets",
    "Comparison",
    "Curve",
    "Interval",
    "Knobs",
    "Look",
    "Margin",
    "Metric",
    "Outcome",
    "Repeated",
    "Rounds",
    "SeedSpread",
    "Summary",
    "SweepTrials",
    "TuningCurve",
    "across_table",
    "advice",
    "answers",
    "best_within",
    "compare",
    "comparison_table",
    "curve_band",
    "curve_of",
    "curves",
    "edf",
    "flattery",
    "knobs_table",
    "look",
    "no_band",
    "of_chance",
    "of_repeats",
    "of_rounds",
    "of_seeds",
    "outcome_table",
    "outcomes",
    "published",
    "read_across",
    "read_knobs",
    "read_margin",
    "read_sweeps",
    "relative_sweeps",
    "repeated_points",
    "repeats_table",
    "seed_spread",
    "sentences",
    "share_within",
    "summarise",
    "summary_table",
    "too_short",
    "tuning_curve",
    "verdicts",
    "with_relative_shares",
]
