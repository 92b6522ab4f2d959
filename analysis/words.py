"""Numbers as text: counts, shares and estimates with their limits, p-values."""

import math

from analysis.intervals import Interval
from analysis.metric import TOP1_ERROR, Metric
from analysis.repeats import Repeated, SeedSpread
from analysis.summaries import own_values


def negated(interval: Interval) -> Interval:
    """Return the interval of the negated estimate."""
    return Interval(-interval.value, -interval.high, -interval.low)


def of_repeats(point: Repeated) -> str:
    """Return a sentence with the results of a chosen point with other seeds."""
    where = f"point {point.index} (lr {point.lr:.3g}, wd {point.weight_decay:.3g})"
    seeds = counted(len(point.errors), "other seed")
    if point.missing:
        seeds += f" ({point.missing} without a result)"
    if not len(point.errors):
        return f"{where} has no result with other seeds yet."
    metric = point.sweep.metric
    digits = metric.decimals
    text = f"{where} with {seeds}: {of_metric(metric, number(own_values(metric, point.mean), digits))}"
    text += f", {point.diverged} of them diverged" if point.diverged else ""
    text += "" if math.isnan(point.spread) else f", standard deviation {point.spread:.{digits}f}"
    first = f"{metric.cost(point.first):.{digits}f} {metric.unit}".rstrip()
    text += "" if math.isnan(point.first) else f"; its own trial gave {first}"
    if not math.isfinite(point.delta.value):
        what = "error" if metric.is_top1_error else metric.name
        return f"{text}. The optimum has no finite {what} to compare it with."
    change = f"{number(point.delta, digits)} {metric.delta_unit}".rstrip()
    if metric.higher_better:
        return f"{text}. The mean at the optimum minus that: {change}."
    return f"{text}. That minus the mean at the optimum: {change}."


def of_metric(metric: Metric, number: str) -> str:
    """Write a number of a metric: 3.84 %, or val_loss 1.23 nats."""
    return f"{number} %" if metric.is_top1_error else f"{metric.name} {number} {metric.unit}".rstrip()


def of_seeds(found: SeedSpread) -> str:
    """Return a sentence on how much of the difference between points is noise between their seeds."""
    seeds = f"up to {found.seeds}" if len(found.sweep.repeats) % len(found.sweep.points) else f"{found.seeds}"
    digits = found.sweep.metric.decimals
    noise = f"{number(found.noise, digits)} {found.sweep.metric.delta_unit}".rstrip()
    share = f"{100 * found.share:.0f} % of the variance of these means"
    return (
        f"{len(found.sweep.points)} points, each the mean of {seeds} seeds: the standard deviation is "
        f"{noise} between seeds and {found.points:.{digits}f} between points"
        + (f"; noise makes up {share}." if not math.isnan(found.share) else ".")
    )


def counted(n: int, what: str) -> str:
    """Format a count with its noun: 1 trial, 12 trials."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def percent(share: Interval) -> str:
    """Format a share with its limits: 88 % (78–94)."""
    if math.isnan(share.low):
        return f"{100 * share.value:.0f} %"
    return f"{100 * share.value:.0f} % ({100 * share.low:.0f}–{100 * share.high:.0f})"


def number(estimate: Interval, digits: int = 2) -> str:
    """Format an estimate with its limits: 3.84 (3.02 to 5.20)."""
    value, low, high = (f"{number:.{digits}f}" for number in estimate)
    return value if math.isnan(estimate.low) else f"{value} ({low} to {high})"


def points_of(estimate: Interval, metric: Metric = TOP1_ERROR) -> str:
    """Write a difference in points; what would be rounded to none is said to be less than the least shown."""
    digits, unit = metric.decimals, f" {metric.delta_unit}".rstrip()
    if not 0 < abs(estimate.value) < 0.5 * 10.0**-digits:
        return f"{number(estimate, digits)}{unit}"
    _, low, high = (f"{value:.{digits}f}" for value in estimate)
    limits = "" if math.isnan(estimate.low) else f" ({low} to {high})"
    return f"less than {10.0**-digits:.{digits}f}{unit}{limits}"


def p_value(p: float) -> str:
    """Format a p-value: 0.032, 4e-07."""
    return f"{p:.2g}" if p >= 1e-3 else f"{p:.0e}"
