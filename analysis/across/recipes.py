"""What is found of models across recipes, and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from analysis.across.common_points import CommonPoint, common_point
from analysis.across.contenders import Contender, Lineup, line_up
from analysis.across.plane import Standing, standing
from analysis.across.profile import Profile, Profiles, performance_profiles
from analysis.bands import CONFIDENCE, check_confidence
from analysis.intervals import NOTHING
from analysis.summaries import interval_columns, own_values
from analysis.sweep_trials import SweepTrials


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Entry:
    """What is found of one model, with its optimizer, over all recipes."""

    contender: Contender
    standings: tuple[Standing, ...]
    """Its places in the plane, one of each recipe."""
    common: CommonPoint | None
    """The cheapest hyperparameters that it was trained with on every recipe; None if there are none."""
    profile: Profile | None
    """None if it is the only one."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Across:
    """What is found of models across recipes."""

    lineup: Lineup
    confidence: float
    entries: tuple[Entry, ...]
    """The largest area under the performance profile first."""
    profiles: Profiles | None
    """The performance profiles; None of a single model."""


def read_across(sweeps: Sequence[SweepTrials], confidence: float = CONFIDENCE) -> Across:
    """Find how models compare across recipes.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        From `analysis.read_sweeps`.
    confidence : float
        In (0, 1), of each interval by itself.

    Raises
    ------
    AnalysisError
        If there are fewer than two recipes, a model has two sweeps on one, or none was swept on all.

    Examples
    --------
    >>> found = read_across(read_sweeps(table))
    >>> print(across_table(found))
    """
    check_confidence(confidence)
    lineup = line_up(sweeps)
    profiles = performance_profiles(lineup, confidence) if len(lineup.contenders) > 1 else None
    by_name = {profile.name: profile for profile in profiles.profiles} if profiles else {}
    places = {name: place for place, name in enumerate(by_name)}
    entries = [
        Entry(
            contender=each,
            standings=tuple(standing(sweep, confidence) for sweep in each.sweeps),
            common=common_point(each, confidence),
            profile=by_name.get(each.name),
        )
        for each in sorted(lineup.contenders, key=lambda each: places.get(each.name, 0))
    ]
    return Across(lineup=lineup, confidence=confidence, entries=tuple(entries), profiles=profiles)


def across_table(found: Across) -> pd.DataFrame:
    """Return one row a model and recipe, in the metric's own values.

    Returns
    -------
    DataFrame
        contender, recipe, sweep, model, optimizer, n; level (the metric at the optimum, or the best of the
        points) and at_optimum; loss (mean Δ, each trial's clipped from 0 to 8 points); best_of_5 and behind
        (how far that is from the best model's); lr, weight_decay and what else is swept, with cost: the
        common point and how much worse it is; area and within_1 … of the performance profile, the same in
        all rows of a contender. Estimates have limits in columns with the endings _low and _high.
    """
    return pd.DataFrame(
        [_row(entry, place) for entry in found.entries for place in range(len(found.lineup.recipes))]
    )


def _row(entry: Entry, place: int) -> dict[str, object]:
    at, profile, common = entry.standings[place], entry.profile, entry.common
    sweep, metric = at.sweep, at.sweep.metric
    words = {name: getattr(sweep, name) for name in ("recipe", "sweep", "model", "optimizer", "n")}
    estimates = {"level": own_values(metric, at.level), "loss": at.loss}
    row = {"contender": entry.contender.name, **words, "at_optimum": at.at_optimum}
    if profile:
        row["best_of_5"] = metric.cost(profile.scores[place])
        estimates |= {"behind": profile.behind[place], "area": profile.area}
        estimates |= {f"within_{step:g}": share for step, share in profile.within.items()}
    row |= dict(zip(common.names, common.values, strict=True)) if common else {}
    return row | interval_columns(estimates | {"cost": common.costs[place] if common else NOTHING})
