"""The trial table, one row per trial: its rules, and the sweeps in it.

All figures and statistics read the table through `read_sweeps`, so that they follow one set of rules.
No trial is dropped silently.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.errors import AnalysisError
from analysis.metric import RESULTS, TOP1_ERROR, Metric, fitted, in_costs
from analysis.names import Identity, known, tell_apart
from analysis.rounds import Rounds, rounds_of

FAMILIES = ("ViT_P", "ViT_C", "RegNetY")
"""The study's three model families, in the order in which they are shown."""
OPTIMIZERS = ("adamw", "sgd", "nadamw", "lion", "muon", "adafactor")
STATES = (*RESULTS, "planned", "running", "failed")
ROLES = ("point", "optimum", "repeat")
"""A repeat trains a chosen point again, with another seed. No EDF counts it."""
DIVERGED_ERR = TOP1_ERROR.worst
"""The top-1 error of a diverged trial, in percent."""
UNKNOWN_DESIGN = "unknown"
SCRAMBLE_POINTS = 16
"""Points of one independent scramble of a ``sobol`` design: those with index 0 … 15, 16 … 31 and so on."""
LEAST_SCRAMBLES = 3
"""Scrambles that an interval needs. An interval from two, with one degree of freedom, would be about 0.6
wide: too wide to be of use."""

ALL_REPEATED = 0.9
"""Share of points with repeats from which on they were not chosen for their errors: a table of points with
several seeds each, of which some may be missing."""

_PER_SWEEP = ("model", "optimizer", "family", "panel", "recipe")
_WORDS = ("sweep", "role", *_PER_SWEEP, "state")
_COLUMNS = (*_WORDS, "index", "top1_err")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT])F", re.IGNORECASE)
_UNIT = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


@dataclass(frozen=True, kw_only=True, slots=True, eq=False, weakref_slot=True)
class SweepTrials:
    """The trials of one model and optimizer, grouped by role and state."""

    sweep: str
    model: str
    family: str
    panel: str
    optimizer: str
    recipe: str
    design: str
    """How the points were drawn: iid, sobol or grid; unknown if the table has no such column."""
    finished: pd.DataFrame
    """Rows of the points that trained to the end."""
    diverged: pd.DataFrame
    """Rows of the points whose loss became infinite or NaN: results too, with a top-1 error of 100 %."""
    points: pd.DataFrame
    """Rows of both, by index; a diverged point has a top1_err of 100. If `averaged`, top1_err is the mean of
    a point's trainings, and a point whose every training diverged has diverged."""
    missing: int
    """Points without a result: planned, running or failed."""
    optimum: pd.DataFrame
    """Rows of the trials at the optimum, by repeat: the same lr and weight decay, with different seeds. Empty
    if none was planned."""
    optimum_errs: NDArray[np.float64]
    """Top-1 errors of the k trials at the optimum with a result, in percent, 100 if diverged, shape (k,)."""
    repeats: pd.DataFrame
    """Rows of the trials that train a chosen point with another seed, by index and repeat."""
    averaged: bool = False
    """Whether every point was trained with several seeds, so that a point's error is their mean."""
    name: str = ""
    """What tells it from the other sweeps of its table: the model, and what else differs."""
    setting: str = ""
    """The end of `name` that is neither model nor optimizer, such as `` on digits``; often empty."""
    metric: Metric = TOP1_ERROR
    """What the trials are judged by. If it is not the top-1 error, errors are costs (`analysis.metric`)."""
    rounds: Rounds | None = None
    """How it grows until a comparison is settled; None if all its points were asked for at once."""

    @property
    def over(self) -> tuple[str, ...]:
        """What is swept beside learning rate and weight decay, in alphabetical order."""
        columns = [name for name in map(str, self.points) if name.startswith("hp.")]
        return tuple(sorted(c.removeprefix("hp.") for c in columns if self.points[c].notna().any()))

    @property
    def n(self) -> int:
        """Points with a result."""
        return len(self.finished) + len(self.diverged)

    @property
    def scrambles(self) -> NDArray[np.int64]:
        """Row numbers in `points` of each complete Sobol' scramble, shape (scrambles, 16); else empty."""
        return whole_scrambles(values(self.points, "index") if self.design == "sobol" else [])

    @property
    def optimum_err(self) -> float | None:
        """Mean of `optimum_errs`, in percent: the zero of Δ. None without a result."""
        errors = self.optimum_errs
        return float(errors.mean()) if errors.size else None

    @property
    def optimum_missing(self) -> int:
        """Trials at the optimum without a result: planned, running or failed."""
        return len(self.optimum) - len(self.optimum_errs)

    @property
    def optimum_state(self) -> str | None:
        """The state of the trials at the optimum; None if there is no such trial.

        Diverged if any trial diverged; finished if all trials with a result finished; without any result, the
        state of the first trial.
        """
        states = list(map(str, self.optimum["state"]))
        return next(
            (result for result in ("diverged", "finished") if result in states), next(iter(states), None)
        )

    def __str__(self) -> str:
        return f"sweep {self.sweep} ({', '.join(known(self.model, self.optimizer))})"


def read_sweeps(
    table: pd.DataFrame, *, need: Iterable[str] = (), any_metric: bool = False
) -> list[SweepTrials]:
    """Check a trial table and split it into its sweeps.

    Parameters
    ----------
    table : DataFrame
        One row per trial, with the columns sweep, role, index, model, optimizer, family, panel, recipe, state
        and top1_err (percent). Optional columns: repeat (0 at points; 0, 1, … at an optimum trained with
        several seeds; 1, 2, … at repeats; default 0) and design (iid, sobol or grid; default unknown).
        Tables with repeats need lr and weight_decay as well.
    need : iterable of str, optional
        Further columns that the caller reads.
    any_metric : bool
        Whether the caller can speak of another metric than the top-1 error: one that the columns
        `analysis.metric.METRIC_COLUMNS` name.

    Returns
    -------
    list of SweepTrials
        One per sweep, sorted by panel (size), optimizer, family, model and recipe.

    Raises
    ------
    AnalysisError
        If the table is empty, a column or a cell of text is missing, a state or role is unknown, an error
        lies outside its bounds, trials have different metrics, a trial occurs twice, a repeat differs from
        its point in lr or weight_decay, the optimum of a sweep has several lr or weight_decay, or a sweep has
        no result.

    Examples
    --------
    >>> sweeps = read_sweeps(pd.read_csv("trials.csv"))
    >>> [(sweep.model, sweep.n, len(sweep.diverged)) for sweep in sweeps]
    """
    repeated = "role" in table and (table["role"] == "repeat").any()
    _check_columns(table, (*_COLUMNS, *need, *(("lr", "weight_decay") if repeated else ())))
    _check_words(table)
    table, metric = in_costs(table)
    if not (any_metric or metric.is_top1_error):
        raise AnalysisError(
            f"these trials have the metric {metric.name}, and this speaks of top-1 errors in percent only: "
            "`sweep cdf`, `compare`, `knobs`, `scatter`, `report` and `export` take any metric."
        )
    table = table.assign(repeat=_repeats(table), design=_designs(table))
    sweeps = [_sweep(str(name), rows) for name, rows in table.groupby("sweep", sort=False)]
    names = tell_apart(Identity(s.sweep, s.model, s.optimizer, s.recipe) for s in sweeps)
    metric = fitted(metric, np.concatenate([_deltas(sweep) for sweep in sweeps]))
    return sorted((replace(s, **names[s.sweep]._asdict(), metric=metric) for s in sweeps), key=_order)


def _deltas(sweep: SweepTrials) -> NDArray[np.float64]:
    """Return how far the finished points are from the optimum, or from their median if it has no result."""
    errors = values(sweep.finished, "top1_err")
    if sweep.optimum_state == "finished" and sweep.optimum_err is not None:
        return errors - sweep.optimum_err
    return errors - np.median(errors) if len(errors) else errors


def panel_order(panel: str) -> tuple[bool, float, str]:
    """Return a sort key: panels by complexity (400MF, 1GF, 18GF), then other names alphabetically."""
    size = _SIZE.fullmatch(panel.strip())
    return (size is None, float(size[1]) * _UNIT[size[2].upper()] if size else 0.0, panel)


def word_order(word: str, known: tuple[str, ...]) -> tuple[int, str]:
    """Return a sort key: known words in their order, then other words alphabetically."""
    return (known.index(word) if word in known else len(known), word)


def _order(sweep: SweepTrials) -> tuple:
    """Return the sort key that orders sweeps in figures and tables."""
    return (
        panel_order(sweep.panel),
        word_order(sweep.optimizer, OPTIMIZERS),
        word_order(sweep.family, FAMILIES),
        sweep.model,
        sweep.recipe,
    )


def _sweep(name: str, rows: pd.DataFrame) -> SweepTrials:
    """Group one sweep's rows by role and state."""
    _check_one_model(name, rows)
    _check_each_once(name, rows)
    _check_one_optimum(name, rows[rows["role"] == "optimum"])
    points, optimum, repeats = (rows[rows["role"] == role] for role in ROLES)
    _check_at_their_points(name, points, repeats)
    averaged = _are_all_repeated(points, repeats)
    points = _means(points, repeats) if averaged else points
    optimum = optimum.sort_values("repeat")
    words: dict[str, Any] = {column: str(rows[column].iloc[0]) for column in (*_PER_SWEEP, "design")}
    sweep = SweepTrials(
        sweep=name,
        finished=points[points["state"] == "finished"],
        diverged=points[points["state"] == "diverged"],
        points=points[points["state"].isin(RESULTS)].sort_values("index", kind="stable"),
        missing=int((~points["state"].isin(RESULTS)).sum()),
        optimum=optimum,
        optimum_errs=values(optimum[optimum["state"].isin(RESULTS)], "top1_err"),
        repeats=repeats.sort_values(["index", "repeat"]),
        averaged=averaged,
        rounds=rounds_of(rows),
        **words,
    )
    if sweep.n == 0:
        raise AnalysisError(
            f"{sweep} has no finished or diverged point, {sweep.missing} without a result: "
            "choose other sweeps with `sweep` ID, or, if it is one of this folder's, go on with `sweep run`."
        )
    return sweep


def _are_all_repeated(points: pd.DataFrame, repeats: pd.DataFrame) -> bool:
    """Return whether repeats are of all points alike, not of a few that were chosen for their errors."""
    return bool(len(repeats)) and bool(points["index"].isin(repeats["index"]).mean() >= ALL_REPEATED)


def _means(points: pd.DataFrame, repeats: pd.DataFrame) -> pd.DataFrame:
    """Return points with the mean error of their trainings that have a result.

    A training that diverged counts as 100 %. The row is otherwise that of the first training, whose own error
    is in ``first_err``; it has diverged if all have.
    """
    trainings = pd.concat([points, repeats])
    results = trainings[trainings["state"].isin(RESULTS)].groupby("index")
    mean = points["index"].map(results["top1_err"].mean())
    finished = points["index"].isin(trainings.loc[trainings["state"] == "finished", "index"])
    finished &= ~np.isinf(
        mean
    )  # one diverged training of several is worse than everything, if nothing bounds it
    state = np.where(mean.isna(), points["state"], np.where(finished, "finished", "diverged"))
    return points.assign(top1_err=mean, first_err=points["top1_err"], state=state)


def _check_columns(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    lacking = [column for column in columns if column not in table.columns]
    if lacking:
        raise AnalysisError(
            f"a trial table needs the columns {', '.join(columns)}; {', '.join(lacking)} missing, got "
            f"{', '.join(map(str, table.columns)) or 'none'}. `sweep export` writes all but family and panel."
        )
    if table.empty:
        raise AnalysisError("a trial table needs at least one trial, got none: start with `sweep run`.")


def _check_words(table: pd.DataFrame) -> None:
    for column in _WORDS:
        blank = int(table[column].isna().sum())
        if blank:
            raise AnalysisError(
                f"every trial needs a {column}; {blank} of {len(table)} rows have none: fill it."
            )
    for column, words in (("state", STATES), ("role", ROLES)):
        odd = sorted(set(map(str, table[column])) - set(words))
        if odd:
            raise AnalysisError(
                f"{column} must be one of {', '.join(words)}, got {', '.join(odd)}: mend the table."
            )


def _repeats(table: pd.DataFrame) -> pd.Series:
    """Return the column repeat as whole numbers; all 0 if the table has no such column."""
    if "repeat" not in table:
        return pd.Series(0, index=table.index)
    repeats = pd.to_numeric(table["repeat"], errors="coerce").astype(float)
    wrong = ~((repeats >= 0) & (repeats % 1 == 0)) | ((table["role"] == "point") & (repeats != 0))
    wrong |= (table["role"] == "repeat") & (repeats == 0)
    if wrong.any():
        row = table[wrong].iloc[0]
        raise AnalysisError(
            "repeat must be 0 at a point, a whole number from 0 at an optimum and from 1 at a repeat, got "
            f"{row['repeat']} at {row['role']} {row['index']} of sweep {row['sweep']} ({int(wrong.sum())} "
            "rows): mend the table."
        )
    return repeats.astype(int)


def _designs(table: pd.DataFrame) -> pd.Series:
    """Return the column design; `UNKNOWN_DESIGN` where the table has none."""
    if "design" not in table:
        return pd.Series(UNKNOWN_DESIGN, index=table.index)
    return table["design"].astype(object).where(table["design"].notna(), UNKNOWN_DESIGN).map(str)


def _check_one_model(name: str, rows: pd.DataFrame) -> None:
    for column in (*_PER_SWEEP, "design"):
        values = sorted(set(map(str, rows[column])))
        if len(values) > 1:
            raise AnalysisError(
                f"a sweep has one {column}, sweep {name} has {len(values)}: {', '.join(values)}. "
                "Give each its own sweep id."
            )


def _check_each_once(name: str, rows: pd.DataFrame) -> None:
    twice = rows[rows.duplicated(["role", "index", "repeat"])]
    if len(twice):
        role, index, repeat = twice.iloc[0][["role", "index", "repeat"]]
        raise AnalysisError(
            f"a trial counts once, sweep {name} has {len(twice)} rows too many, the first {role} {index}"
            f"{f' repeat {repeat}' if repeat else ''}: keep one row a trial."
        )


def _check_one_optimum(name: str, optimum: pd.DataFrame) -> None:
    """Check that all trials at the optimum share lr and weight decay: their mean is the zero of Δ."""
    for column in ("lr", "weight_decay"):
        found = list(optimum[column].unique()) if column in optimum else []
        if len(found) > 1:
            raise AnalysisError(
                f"a sweep has one optimum, sweep {name} has {len(found)} values of {column} at it: "
                f"{', '.join(map(str, found))}. Give each its own sweep id."
            )


def _check_at_their_points(name: str, points: pd.DataFrame, repeats: pd.DataFrame) -> None:
    """Check that repeats have the lr and weight decay of their point, so that they show seed noise only."""
    both = repeats.merge(points, on="index", how="left", suffixes=("", "_point"))
    nowhere = both["role_point"].isna()
    if nowhere.any():
        row = both[nowhere].iloc[0]
        raise AnalysisError(
            f"a repeat has the index of its point; sweep {name} has repeat {row['repeat']} of point "
            f"{row['index']}, but no such point: mend the table."
        )
    wrong = pd.Series(False, index=both.index)
    for column in ("lr", "weight_decay") if len(both) else ():
        here, there = both[column], both[f"{column}_point"]
        wrong |= (here != there) & (here.notna() | there.notna())
    if wrong.any():
        row = both[wrong].iloc[0]
        raise AnalysisError(
            f"a repeat has the lr and weight_decay of its point; sweep {name} has repeat {row['repeat']} of "
            f"point {row['index']} at lr {row['lr']:g}, weight_decay {row['weight_decay']:g}, the point "
            f"itself at {row['lr_point']:g}, {row['weight_decay_point']:g}: mend the table."
        )


def whole_scrambles(index: ArrayLike) -> NDArray[np.int64]:
    """Return the row numbers of each complete scramble of a Sobol' design.

    Incomplete scrambles are left out: a part of one is no balanced net.

    Parameters
    ----------
    index : array_like of int, shape (n,)
        The index of each point within its design.

    Returns
    -------
    ndarray of int, shape (scrambles, 16)
    """
    scramble = np.asarray(index, dtype=np.int64) // SCRAMBLE_POINTS
    names, counts = np.unique(scramble, return_counts=True)
    rows = [np.flatnonzero(scramble == name) for name in names[counts == SCRAMBLE_POINTS]]
    return np.array(rows, dtype=np.int64).reshape(-1, SCRAMBLE_POINTS)


def no_sampling_error(name: str, design: str, scrambles: int) -> str | None:
    """Return why a sweep's numbers have no confidence interval; None if they have one.

    Parameters
    ----------
    name : str
        The sweep's name, for the message.
    design : str
        How its points were drawn.
    scrambles : int
        The number of complete scrambles of a Sobol' design.
    """
    if design == "grid":
        return f"{name} is a grid: its points are not random, so there is no sampling error to give"
    if design not in ("iid", "sobol"):
        what = f"how the points of {name} were drawn is not known" if design == UNKNOWN_DESIGN else None
        return (
            f"{what or f'the points of {name} were drawn by the design {design}'}: only if they are "
            "independent (iid) or scrambled nets (sobol) can be said how far chance moves them. Say so in a "
            "column design, or with `constant` design=iid"
        )
    if design == "sobol" and scrambles < LEAST_SCRAMBLES:
        whole = f"{scrambles} whole scramble{'' if scrambles == 1 else 's'}"
        return (
            f"{name} has {whole} of {SCRAMBLE_POINTS} points, and the spread between them takes at least "
            f"{LEAST_SCRAMBLES}: go on with a larger `n`"
        )
    return None


def values(rows: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as an array of floats, shape (rows,)."""
    return rows[column].to_numpy(dtype=float)
