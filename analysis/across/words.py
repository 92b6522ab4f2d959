"""Sentences on models across recipes."""

import math
from collections.abc import Sequence

from analysis.across.common_points import CommonPoint
from analysis.across.profile import TRIES, Profile
from analysis.across.recipes import Across, Entry
from analysis.intervals import Interval
from analysis.metric import Metric
from analysis.words import number, points_of

COVERED = (
    "Limits cover the chance in which points were drawn and in their trainings. They do not cover the choice "
    "of the recipes, which are given: of another recipe they say nothing."
)


def headlines(found: Across) -> list[str]:
    """Return what is found in a few sentences: who is near the best, who loses most, what is in common."""
    return [*_profiles(found), _plane(found), *_common(found)]


def _profiles(found: Across) -> list[str]:
    """Return a sentence on the performance profile of each contender."""
    if found.profiles is None:
        return []
    first, *rest = found.profiles.profiles
    metric, recipes = found.lineup.metric, len(found.lineup.recipes)
    of = f"By the median best of {TRIES} random trials,"
    if first.area.value == rest[-1].area.value:
        lead = f"{of} all models are equally near the best one over {recipes} recipes."
        rest = [first, *rest]
    else:
        lead = (
            f"{of} {first.name} is nearest to the best model over {recipes} recipes: "
            f"{_within(first, metric, recipes)}, area under its performance profile up to "
            f"{metric.amount(metric.area_to)} {number(first.area)}.{_as_near(first, rest)}"
        )
    others = (f"{each.name}: {_within(each, metric, recipes)}, area {number(each.area)}." for each in rest)
    return [lead, *others]


def _as_near(first: Profile, rest: Sequence[Profile]) -> str:
    """Name the contenders whose limits reach those of the first."""
    names = [each.name for each in rest if each.area.high >= first.area.low]
    return f" As near may be: {', '.join(names)}." if names else ""


def _within(profile: Profile, metric: Metric, recipes: int) -> str:
    step, share = next(iter(profile.within.items()))
    amount = "1 point" if metric.is_top1_error else metric.amount(step)
    return f"within {amount} of it on {_count(share, recipes)}"


def _count(share: Interval, recipes: int) -> str:
    """Write a share of the recipes as a count: 2 of 2 (1 to 2)."""
    value, low, high = (f"{recipes * part:.0f}" for part in share)
    limits = "" if math.isnan(share.low) else f" ({low} to {high})"
    return f"{value} of {recipes}{limits}"


def _plane(found: Across) -> str:
    """Return a sentence on who loses least and most away from its best."""
    metric = found.lineup.metric
    known = [
        (entry, at) for entry in found.entries for at in entry.standings if not math.isnan(at.loss.value)
    ]
    ordered = sorted(known, key=lambda pair: pair[1].loss.value)
    (least, at_least), (most, at_most) = ordered[0], ordered[-1]
    if at_least.loss.value == at_most.loss.value:
        return (
            "Away from its best, a trial of the box loses as much with every model on every recipe: "
            f"{points_of(at_least.loss, metric)} on average."
        )
    return (
        f"Away from its best, a trial of the box loses least with {least.contender.name} on "
        f"{at_least.sweep.recipe}, {points_of(at_least.loss, metric)} on average, and most with "
        f"{most.contender.name} on {at_most.sweep.recipe}, {points_of(at_most.loss, metric)}."
    )


def _common(found: Across) -> list[str]:
    """Return what one setting for all recipes costs each contender, or that there is none."""
    shared = [entry for entry in found.entries if entry.common]
    over = _names(found.entries[0].contender.sweeps[0].over)
    if not shared:
        return [
            f"No {over} was tried on all {len(found.lineup.recipes)} recipes, so the cost of one for all is "
            "not known. Sweeps around the same values on each recipe share their points."
        ]
    lines = [
        _cost(entry, entry.common, found.lineup.recipes, found.lineup.metric)
        for entry in shared
        if entry.common
    ]
    lacking = [entry.contender.name for entry in found.entries if not entry.common]
    return lines + ([f"Tried with no common {over}: {', '.join(lacking)}."] if lacking else [])


def _names(over: Sequence[str]) -> str:
    names = ["learning rate", "weight decay", *over]
    return f"{', '.join(names[:-1])} and {names[-1]}"


def _cost(entry: Entry, common: CommonPoint, recipes: Sequence[str], metric: Metric) -> str:
    point = ", ".join(
        f"{name} {_value(value)}" for name, value in zip(common.names, common.values, strict=True)
    )
    costs = ", ".join(
        f"{points_of(cost, metric)} on {recipe}" for cost, recipe in zip(common.costs, recipes, strict=True)
    )
    return (
        f"{entry.contender.name} with {point} for all, the cheapest of the {common.tried} tried on all: "
        f"{points_of(common.mean, metric)} worse than its best on average; {costs}."
    )


def _value(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
