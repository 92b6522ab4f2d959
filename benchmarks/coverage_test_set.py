"""Does the limit of what a finite test set explains of the noise between seeds hold, and is it of use?

`python benchmarks/coverage_test_set.py OUT.csv [REPS]`. A training errs on an image with probability
Φ(a + c z): a is the image's difficulty, normal with a spread; z is the training's own, shared by all images.
So trainings truly differ if c is above 0, and the variance on N images is known on average over test sets.
"""

import itertools
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.polynomial.hermite_e import hermegauss
from numpy.typing import NDArray
from scipy.stats import norm

from analysis.finite_test_set import at_most, images_of

Floats = NDArray[np.float64]

IMAGES = (500, 10_000)
ERRORS = (0.02, 0.2)
SPREADS = (0.5, 3.0)
"""Of the images' difficulty: alike, so that errors are nearly binomial; or mostly hopeless or trivial."""
OWN = (0.0, 0.02, 0.1)
"""How far trainings differ on all images, in standard deviations of difficulty."""
SEEDS = (3, 5, 20)
REPS, CONFIDENCE = 400, 0.95


def truth_of(mean: float, spread: float, own: float, images: int) -> float:
    """Return the true share of the variance between seeds that the test set explains."""
    nodes, weights = hermegauss(80)
    weights = weights / weights.sum()
    centre = norm.ppf(mean) * np.sqrt(1 + spread**2 + own**2)
    of_training = norm.cdf((centre + own * nodes) / np.sqrt(1 + spread**2))
    p = norm.cdf((centre + spread * nodes) / np.sqrt(1 + own**2))
    everywhere = float(weights @ (of_training - weights @ of_training) ** 2)
    here = (1 - 1 / images) * everywhere + float(weights @ (p * (1 - p))) / images
    return 1 - everywhere / here


def studies(mean: float, spread: float, own: float, images: int, seeds: int, reps: int) -> list[Floats]:
    """Draw errors in percent of trainings, each study on its own test set."""
    rng = np.random.default_rng([images, seeds, int(1000 * mean), int(1000 * own), int(1000 * spread)])
    centre = norm.ppf(mean) * np.sqrt(1 + spread**2 + own**2)
    drawn = []
    for _ in range(reps):
        a = centre + spread * rng.standard_normal(images, dtype=np.float32)
        z = own * rng.standard_normal((seeds, 1), dtype=np.float32)
        wrong = rng.standard_normal((seeds, images), dtype=np.float32) < a + z
        drawn.append(100 * wrong.mean(axis=1))
    return drawn


def look(mean: float, spread: float, own: float, images: int, seeds: int, reps: int) -> dict[str, float]:
    """Return the truth, how often the limit holds it, how often it is below all, and its median."""
    truth = truth_of(mean, spread, own, images)
    drawn = studies(mean, spread, own, images, seeds, reps)
    limits = np.array([at_most(errors, images, CONFIDENCE) for errors in drawn])
    found = [images_of(errors) for errors in drawn[:20]]
    return {
        "truth": truth,
        "rate": float((limits >= truth).mean()),
        "says_something": float((limits < 1).mean()),
        "median": float(np.median(limits)),
        "images_never_too_many": float(np.mean([n is not None and n <= images for n in found])),
        "count": reps,
    }


def main(out: Path, reps: int) -> None:
    names = ("error", "spread", "own", "images", "seeds")
    rows = []
    for case in itertools.product(ERRORS, SPREADS, OWN, IMAGES, SEEDS):
        rows.append(dict(zip(names, case, strict=True)) | look(*case, reps))
        print(*case, flush=True)
    pd.DataFrame(rows).round(4).to_csv(out, index=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else REPS)
