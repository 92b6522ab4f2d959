"""The words for a metric in what is said of hyperparameters."""

from dataclasses import dataclass

from analysis.knobs.scores import Scores
from analysis.metric import Metric


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """How sentences speak of the trials' metric and of their scores."""

    variance: str
    """What the explained variance is of, and what a diverged trial counts as."""
    differ: str
    """What is explained: how errors differ."""
    mean: str
    """What the mean of scores is called: the mean error."""
    lowest: str
    """What tells the place that stands for an unknown optimum: the mean error is lowest."""
    median: str
    """What the curve is of: the median error."""
    subject: str
    """The beginning of a sentence on a mean: Errors are."""
    better: str
    """Such as lower."""
    worse: str
    """Such as higher."""
    unit: str
    """The unit of a difference of means; empty if it has none."""
    digits: int
    """Decimals of a difference of means in a sentence."""
    cell_digits: int
    """The same in a table."""


def terms_of(metric: Metric) -> Terms:
    """Return the words for a metric."""
    if metric.is_top1_error:
        return _TOP1_ERROR
    name = metric.name
    if Scores(metric=metric).are_ranks:
        return Terms(
            variance=f"the ranks by {name}, diverged trials last,",
            differ=f"how ranks by {name} differ",
            mean="mean rank",
            lowest="the mean rank is best",
            median=f"median {name}",
            subject="The mean rank is",
            better="better",
            worse="worse",
            unit="% of all places",
            digits=0,
            cell_digits=1,
        )
    return Terms(
        variance=f"{name}, diverged trials at {metric.diverged},",
        differ=f"how {name} differs",
        mean=f"mean {name}",
        lowest=f"the mean {name} is best",
        median=f"median {name}",
        subject=f"The mean {name} is",
        better="better",
        worse="worse",
        unit=metric.delta_unit,
        digits=metric.decimals,
        cell_digits=metric.decimals,
    )


_TOP1_ERROR = Terms(
    variance="the errors, diverged trials at 100 %,",
    differ="how errors differ",
    mean="mean error",
    lowest="the mean error is lowest",
    median="median error",
    subject="Errors are",
    better="lower",
    worse="higher",
    unit="points",
    digits=0,
    cell_digits=1,
)
