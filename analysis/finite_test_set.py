"""How much of the noise between seeds comes from there being only so many test images.

Trainings that differ in their seed alone have different errors. In part that is luck with the images: on N of
them, a training's error is a count. Jordan 2023 (arXiv:2304.01910) found that to be nearly all of it on CIFAR
and ImageNet: on the distribution of images, trainings hardly differ. On average over test sets,

    variance between seeds on N images = (1 − 1/N) · variance on all images + mean of p (1 − p) / N,

where p is the share of trainings that err on an image. Each p takes the predictions for each image, which are
not kept. But p (1 − p) is concave, so that its mean is at most e (1 − e), if e is the mean error: the second
term, less 1/N of the first variance, is at most the variance of a binomial count.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from analysis.bands import CONFIDENCE, check_confidence
from analysis.sweep_trials import SweepTrials, values

MOST_IMAGES = 100_000
"""More images are not looked for: errors written with three decimals fit any number."""
LEAST_SEEDS = 3
_ENOUGH = 256
"""So many different errors tell the number of images."""
_OFF = 0.02
"""A count of images may be off by that much from a whole number: errors may have been 32-bit floats."""


class FromImages(NamedTuple):
    """How much of the noise between a sweep's seeds can come from its test images."""

    sweep: SweepTrials
    images: int
    """How many there are; or fewer, if the errors do not tell."""
    at_most: float
    """The share of the variance between seeds that they explain is at most this, in 0 … 1, at the
    confidence."""


def from_images(sweep: SweepTrials, confidence: float = CONFIDENCE) -> FromImages | None:
    """Bound how much of the variance between the seeds at a sweep's optimum comes from its finite test set.

    The bound is one-sided. It assumes that errors of seeds are normal, and says nothing of the rest of the
    box, where more images are in doubt.

    Parameters
    ----------
    sweep : SweepTrials
        The trials.
    confidence : float
        In (0, 1).

    Returns
    -------
    FromImages or None
        None if fewer than `LEAST_SEEDS` seeds finished at the optimum, the metric is not the top-1 error, or
        the errors do not tell how many images there are.
    """
    seeds = sweep.optimum_errs
    if sweep.optimum_state != "finished" or len(seeds) < LEAST_SEEDS or not sweep.metric.is_top1_error:
        return None
    own = "first_err" if sweep.averaged else "top1_err"
    points = values(sweep.points, own)
    images = images_of(np.concatenate([seeds, points[np.isfinite(points)]]))
    return None if images is None else FromImages(sweep, images, at_most(seeds, images, confidence))


def at_most(errors: ArrayLike, images: int, confidence: float = CONFIDENCE) -> float:
    """Return an upper limit of the share of the variance between trainings that a finite test set explains.

    Parameters
    ----------
    errors : array_like, shape (k,)
        Errors in percent, one of each seed.
    images : int
        How many test images there are.
    confidence : float
        In (0, 1).
    """
    check_confidence(confidence)
    sample = np.asarray(errors, dtype=float) / 100
    dof, mean = len(sample) - 1, float(sample.mean())
    least = dof * float(sample.var(ddof=1)) / float(stats.chi2.ppf(confidence, dof))
    binomial = mean * (1 - mean) / images
    return min(1.0, binomial / least) if least > 0 else 1.0


def images_of(errors: ArrayLike) -> int | None:
    """Return the least number of images of which all errors are whole counts; None if there is none.

    Few or rounded errors may fit fewer images than there are. The bound is then higher than need be.

    Parameters
    ----------
    errors : array_like
        Errors in percent.
    """
    different = np.unique(np.asarray(errors, dtype=float))
    shares = different[:: max(1, len(different) // _ENOUGH)] / 100
    for start in range(1, MOST_IMAGES, 1000):
        counts = shares * np.arange(start, start + 1000)[:, None]
        fits = np.flatnonzero((np.abs(counts - np.round(counts)) <= _OFF).all(axis=1))
        if len(fits):
            return start + int(fits[0])
    return None


def of_images(found: list[FromImages]) -> str | None:
    """Return one sentence on how much noise of sweeps can come from their test images; None of no sweep."""
    if not found:
        return None
    images = " or ".join(f"{count:,}" for count in sorted({each.images for each in found}))
    less = [f"{math.ceil(100 * each.at_most)} % of {each.sweep.name}" for each in found if each.at_most < 1]
    rest = "all of it" if not less else f"{', '.join(less)}{', all of the others' * (len(less) < len(found))}"
    return (
        f"Of the variance between seeds at an optimum, having only {images} test images may explain, at "
        f"most: {rest}."
    )
