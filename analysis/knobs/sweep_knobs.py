"""Reads from a sweep's trials which of its hyperparameters matter, and where they are safe."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from analysis.bands import CONFIDENCE, check_confidence
from analysis.errors import AnalysisError
from analysis.intervals import NOTHING, Interval
from analysis.knobs import gains as gaining
from analysis.knobs import good as telling
from analysis.knobs.cliffs import DROP, Cliff, cliffs, lowest
from analysis.knobs.gains import Gain, gains
from analysis.knobs.good import Good, good_trials, told_by
from analysis.knobs.isolation import LEAST_A_BIN, LEAST_BINS, Bin, isolation
from analysis.knobs.scores import Scores
from analysis.knobs.sensitivity import sensitivity
from analysis.knobs.settings import Setting, settings_of
from analysis.knobs.shares import Explained, explained, holm
from analysis.knobs.surrogate import ALONE, Surrogate, fit_surrogate
from analysis.knobs.terms import Terms, terms_of
from analysis.metric import Metric
from analysis.sampling import Sampling
from analysis.sweep_trials import SweepTrials, values

Floats = NDArray[np.float64]

LEAST_TRIALS = LEAST_A_BIN * LEAST_BINS
"""Trials without which nothing is said of a hyperparameter."""
_TOGETHER = 0.3
"""Rank correlation from which on two hyperparameters are said to go together."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Knob:
    """What a sweep shows of one hyperparameter."""

    setting: Setting
    """Its name and values."""
    share: Interval
    """The share of the variance of the errors, or of their ranks, that it explains by itself, from 0 to 1."""
    p: float
    """Of the test that it does not matter, corrected for the number of hyperparameters."""
    optimum: float
    """Its value at the optimum, or, where none is known, where the mean error is lowest; NaN for a choice."""
    is_known: bool
    """Whether the sweep has an optimum of its own."""
    curve: tuple[Bin, ...]
    """The errors at its values, the others free."""
    below: Cliff | None
    """The cliff below the optimum; None for a choice among texts."""
    above: Cliff | None
    """The cliff above the optimum."""
    best: Gain | None
    """Its best tenth; None if there are too few trials."""
    worst: Gain | None
    """Its worst tenth."""
    sensitivity: Interval
    """What leaving it at any value costs, the others tuned with four tries: the mean of the best of four
    minus that in its best tenth, in points or of scores. NaN if there are too few trials."""
    among_good: Interval
    """The share of the variance of being in the best tenth, within the better half, that it explains by
    itself (PED-ANOVA, `analysis.knobs.good`); NaN if there are too few trials."""
    among_good_p: float
    """Of the test that it does not matter there, corrected as `p` is; NaN if there are too few trials."""

    @property
    def name(self) -> str:
        """The hyperparameter's name."""
        return self.setting.name

    @property
    def matters(self) -> bool:
        """Whether chance alone does not explain that errors differ between its values."""
        return bool(self.p <= 1 - CONFIDENCE)

    @property
    def leads_to_best(self) -> bool:
        """Whether chance alone does not explain which of the good trials are the best."""
        return bool(self.among_good_p <= 1 - CONFIDENCE)

    @property
    def must_be_tuned(self) -> bool:
        """Whether leaving it at any value is shown to cost something."""
        return (self.matters or self.leads_to_best) and self.sensitivity.low > 0


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Knobs:
    """What a sweep shows of its hyperparameters."""

    sweep: SweepTrials
    """The trials."""
    knobs: tuple[Knob, ...]
    """What was found of each, the one that explains most first."""
    good: Good | None
    """The better half of the trials and the best tenth; None if there are too few."""
    surrogate: Surrogate | None
    """What acts in pairs; None if that is not known."""
    drop: float
    """How much worse an error beyond the cliff is, in the metric's unit."""
    confidence: float
    """Of each interval by itself."""
    notes: tuple[str, ...]
    """What was left out, and why."""

    @property
    def scores(self) -> Scores:
        """What means and variances are of: errors, or ranks."""
        return Scores(metric=self.sweep.metric)

    @property
    def terms(self) -> Terms:
        """The words for its metric."""
        return terms_of(self.sweep.metric)


def read_knobs(sweep: SweepTrials, confidence: float = CONFIDENCE, cliff: float | None = None) -> Knobs:
    """Return what a sweep shows of each of its hyperparameters.

    Parameters
    ----------
    sweep : SweepTrials
        With the columns lr, weight_decay and ``hp.NAME`` for others. Diverged trials count as 100 %; of
        another metric see `analysis.knobs.scores.Scores`.
    confidence : float
        In (0, 1).
    cliff : float, optional
        By how much the median error must exceed that at the optimum to be beyond a cliff, in the metric's
        unit. Without it, 10 times `Metric.step` and at most a tenth of a bounded metric's range, which are
        10 points of the top-1 error.

    Raises
    ------
    AnalysisError
        If there are too few trials, nothing was varied, or ``cliff`` is out of range.

    Examples
    --------
    >>> [found] = map(read_knobs, read_sweeps(pd.read_csv("trials.csv")))
    >>> print(found.knobs[0].name, found.knobs[0].share)
    """
    check_confidence(confidence)
    drop = _drop(sweep.metric, cliff)
    settings, same = settings_of(sweep)
    _check(sweep, settings)
    problem = Sampling.of(sweep, confidence).problem
    notes = [f"no intervals: {problem}"] if problem else []
    notes += [f"{name} is the same in all trials of {sweep.name}" for name in same]
    enough = [s for s in settings if len(s.rows) >= LEAST_TRIALS]
    few = [s for s in settings if s not in enough]
    notes += [f"{s.name} has a value in {len(s.rows)} trials, and it takes {LEAST_TRIALS}" for s in few]
    notes += [text for s in enough if (text := gaining.problem(s, len(s.rows)))]
    good = good_trials(values(sweep.points, "top1_err"))
    if few_good := telling.problem(good):
        notes.append(few_good)
    surrogate = None if problem else _surrogate(sweep, enough, confidence)
    if isinstance(surrogate, str):
        notes.append(f"{sweep.name}: {surrogate}")
    found = [_knob(sweep, s, confidence, drop, None if few_good else good) for s in enough]
    whole = sorted(_corrected(found), key=lambda knob: -knob.share.value)
    return Knobs(
        sweep=sweep,
        knobs=tuple(_bare(knob) if problem else knob for knob in whole),
        good=None if few_good else good,
        surrogate=surrogate if isinstance(surrogate, Surrogate) else None,
        drop=drop,
        confidence=confidence,
        notes=(*dict.fromkeys(notes), *(f"{sweep.name}: {text}" for text in _together(enough))),
    )


def _surrogate(sweep: SweepTrials, settings: Sequence[Setting], confidence: float) -> Surrogate | str | None:
    """Fit a surrogate to those hyperparameters that all trials have, texts of which there are few."""
    whole = [s for s in settings if len(s.rows) == sweep.n and len(s.labels) <= ALONE + 1]
    if len(whole) < 2 or sweep.n < telling.LEAST_TRIALS:
        return None
    scores = Scores(metric=sweep.metric).of(values(sweep.points, "top1_err"))
    return fit_surrogate(whole, scores, confidence, sweep.scrambles if sweep.design == "sobol" else None)


def _corrected(found: Sequence[Knob]) -> list[Knob]:
    """Correct the p-values of each of the two tests for the number of hyperparameters."""
    p, among_good = (
        holm(np.array(each)) for each in zip(*((k.p, k.among_good_p) for k in found), strict=True)
    )
    return [
        replace(knob, p=float(p[place]), among_good_p=float(among_good[place]))
        for place, knob in enumerate(found)
    ]


def _drop(metric: Metric, cliff: float | None) -> float:
    """Return how much worse an error beyond a cliff is."""
    most = metric.worst - metric.best
    if cliff is None:
        return min(DROP * metric.step, DROP / 100 * most)
    if not (0 < cliff < most and math.isfinite(cliff)):
        wanted = f"lie between 0 and {metric.amount(most)}" if math.isfinite(most) else "be positive"
        raise AnalysisError(f"`cliff` must {wanted}, got {cliff:g}.")
    return cliff


def _check(sweep: SweepTrials, settings: Sequence[Setting]) -> None:
    if not settings:
        raise AnalysisError(f"{sweep}: no hyperparameter varies: lr, weight_decay or a column hp.NAME.")
    if sweep.n < LEAST_TRIALS:
        raise AnalysisError(
            f"{sweep} has {sweep.n} trials with a result: to say which hyperparameter matters takes at least "
            f"{LEAST_TRIALS}, {LEAST_BINS} groups of {LEAST_A_BIN}. Go on with a larger `n`."
        )
    errors = values(sweep.points, "top1_err")
    if errors.min() == errors.max():
        what = "error" if sweep.metric.is_top1_error else sweep.metric.name
        raise AnalysisError(f"{sweep}: all trials have one and the same {what}, so that nothing matters.")


def _knob(sweep: SweepTrials, setting: Setting, confidence: float, drop: float, good: Good | None) -> Knob:
    errors = values(sweep.points, "top1_err")[setting.rows]
    scoring = Scores(metric=sweep.metric)
    scores = scoring.of(errors)
    found: Explained = explained(setting, scores, confidence)
    curve = isolation(setting, errors, confidence, sweep.metric)
    optimum = _optimum(sweep, setting)
    is_known = optimum is not None
    if optimum is None:
        optimum = np.nan if setting.labels else lowest(setting, scores, len(curve))
    below, above = (None, None) if setting.labels or len(curve) < 2 else cliffs(curve, optimum, drop)
    told = told_by(setting, good, confidence) if good else Explained(NOTHING, np.nan)
    few = gaining.problem(setting, len(errors))
    best, worst = (None, None) if few else gains(setting, scores, confidence, scoring.bounds)
    return Knob(
        setting=setting,
        share=found.share,
        p=found.p,
        optimum=optimum,
        is_known=is_known,
        curve=tuple(curve),
        below=below,
        above=above,
        best=best,
        worst=worst,
        sensitivity=NOTHING if few else sensitivity(setting, scores, confidence),
        among_good=told.share,
        among_good_p=told.p,
    )


def _optimum(sweep: SweepTrials, setting: Setting) -> float | None:
    """Return a hyperparameter's value at the sweep's optimum; None if that is not known, or a text."""
    for column in (setting.name, f"hp.{setting.name}"):
        if not setting.labels and column in sweep.optimum and sweep.optimum[column].notna().any():
            return float(sweep.optimum[column].dropna().iloc[0])
    return None


def _together(settings: Sequence[Setting]) -> list[str]:
    """Say which hyperparameters were not drawn independently: part of what one explains may be another's."""
    whole = [s for s in settings if not s.labels and len(s.rows) == max(len(s.rows) for s in settings)]
    if len(whole) < 2:
        return []
    together = np.corrcoef([stats.rankdata(s.levels) for s in whole])  # Spearman's
    return [
        f"{whole[i].name} and {whole[j].name} go together (rank correlation {together[i, j]:.2f}): part of "
        "what one explains may be the other's"
        for i, j in zip(*np.triu_indices(len(whole), 1), strict=True)
        if abs(together[i, j]) >= _TOGETHER
    ]


def _bare(knob: Knob) -> Knob:
    """Return what is known without limits, of points of which nobody can say how chance moves them."""

    def bare(interval: Interval) -> Interval:
        return Interval(interval.value, np.nan, np.nan)

    def bare_gain(gain: Gain | None) -> Gain | None:
        return gain and gain._replace(error=bare(gain.error), change=bare(gain.change))

    return replace(
        knob,
        share=bare(knob.share),
        p=np.nan,
        curve=tuple(b._replace(median=bare(b.median), best_of_4=bare(b.best_of_4)) for b in knob.curve),
        below=knob.below and Cliff(bare(knob.below.at)),
        above=knob.above and Cliff(bare(knob.above.at)),
        best=bare_gain(knob.best),
        worst=bare_gain(knob.worst),
        sensitivity=bare(knob.sensitivity),
        among_good=bare(knob.among_good),
        among_good_p=np.nan,
    )


def knobs_table(found: Sequence[Knobs]) -> pd.DataFrame:
    """Return one row a hyperparameter of each sweep, with limits in columns of their own.

    Columns: sweep, model, optimizer, recipe, hyperparameter, n; share (0 to 1) and p; among_good (0 to 1) and
    among_good_p; optimum and optimum_known; cliff_below and cliff_above (values; infinite: not reached);
    best_change, worst_change and sensitivity (points, or the metric's unit); shapley and pair_share (0 to 1),
    each with ``_low`` and ``_high``; pair, with which it has the largest share; fit, of the surrogate that
    says so (0 to 1). Of another metric than the top-1 error also metric, unit and ranks: whether shares,
    changes and sensitivity are those of ranks (percent of the trials).
    """
    return pd.DataFrame([_row(each, knob) for each in found for knob in each.knobs])


def _row(found: Knobs, knob: Knob) -> dict[str, object]:
    sweep, shown = found.sweep, found.scores.shown
    pair = found.surrogate.partner(knob.name) if found.surrogate else None
    numbers = {
        "share": knob.share,
        "among_good": knob.among_good,
        "cliff_below": knob.below.at if knob.below else NOTHING,
        "cliff_above": knob.above.at if knob.above else NOTHING,
        "best_change": shown(knob.best.change) if knob.best else NOTHING,
        "worst_change": shown(knob.worst.change) if knob.worst else NOTHING,
        "sensitivity": knob.sensitivity,
        "shapley": found.surrogate.shapley.get(knob.name, NOTHING) if found.surrogate else NOTHING,
        "pair_share": pair.share if pair else NOTHING,
    }
    limits = {
        name + end: getattr(interval, part)
        for name, interval in numbers.items()
        for end, part in (("", "value"), ("_low", "low"), ("_high", "high"))
    }
    return (
        {"sweep": sweep.sweep, "model": sweep.model, "optimizer": sweep.optimizer, "recipe": sweep.recipe}
        | {"hyperparameter": knob.name, "n": len(knob.setting.rows), "p": knob.p}
        | {"among_good_p": knob.among_good_p}
        | {"optimum": knob.optimum, "optimum_known": knob.is_known}
        | limits
        | {"pair": (pair.b if pair.a == knob.name else pair.a) if pair else None}
        | {"fit": found.surrogate.fit if found.surrogate else np.nan}
        | _metric_cells(found)
    )


def _metric_cells(found: Knobs) -> dict[str, object]:
    metric = found.sweep.metric
    if metric.is_top1_error:
        return {}
    return {"metric": metric.name, "unit": metric.unit, "ranks": found.scores.are_ranks}
