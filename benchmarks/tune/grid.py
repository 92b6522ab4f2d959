"""Train a dense grid of (lr, weight decay) on minival, with every epoch kept: what `sweep tune` is held to.

    python benchmarks/tune/grid.py [--model vit_p_1mf] [--optimizer adamw] [--chunk 45]

10 × 7 points, the recipe ``digits``, one seed each, judged on minival, from the middle of lr outwards:
factors of 1.8 in lr and 3.2 in wd, up to where nothing trains any more. Then the best eight points again with
four other seeds. Two processes of one torch thread; a call trains ``--chunk`` trials and appends them to
MODEL-OPTIMIZER.csv beside this file, until nothing is left. About eight minutes on two cores.
"""

import argparse
import csv
import itertools
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd

SIDES = 10, 7
RANGES = {"adamw": ((1e-4, 10**-1.75), (1e-3, 1.0)), "sgd": ((5e-3, 2e1), (1e-6, 1e-2))}
FINALISTS, SEEDS = 8, 4
Point = tuple[float, float, int]


def grid(optimizer: str) -> list[Point]:
    """Return the grid's points, log-spaced, ends included, with their seed."""
    axes = [
        [float(f"{value:.4g}") for value in np.geomspace(*ends, side)]
        for ends, side in zip(RANGES[optimizer], SIDES, strict=True)
    ]
    points = itertools.product(*axes)
    # The middle of lr first, where the optimum is: what is far from it needs no dense grid.
    middle = axes[0][SIDES[0] // 2]
    return sorted(((lr, wd, 0) for lr, wd in points), key=lambda p: abs(np.log(p[0] / middle)))


def finalists(done: pd.DataFrame) -> list[Point]:
    """Return the grid's best points, with other seeds."""
    best = done[done.seed == 0].sort_values(["top1_err_25", "val_loss"]).head(FINALISTS)
    return [(lr, wd, seed) for lr, wd in zip(best.lr, best.wd, strict=True) for seed in range(1, SEEDS + 1)]


def train(job: tuple[str, str, Point]) -> dict[str, float]:
    """Train one point; return its error after each epoch."""
    import torch

    from sweep.core.trial import TrialSpec
    from sweep.data.datasets import open_dataset
    from sweep.models import timm_models
    from sweep.recipes.loading import load
    from sweep.training import loop
    from sweep.training.streams import open_batches

    torch.set_num_threads(1)
    model, optimizer, (lr, wd, seed) = job
    recipe = load("digits")
    source = open_dataset(recipe, None)
    px, device = recipe.px(timm_models.resolution(model)[0]), torch.device("cpu")
    batches = open_batches(source.load(px), recipe, device, px=px, resize=px, evaluate="minival")
    spec = TrialSpec(key="grid", model=model, optimizer=optimizer, lr=lr, weight_decay=wd, seed=seed)
    row: dict[str, float] = {"lr": lr, "wd": wd, "seed": seed}
    pack = loop.train([spec], recipe, batches, classes=source.classes, px=px, device=device)
    for (record,) in pack:
        assert record is not None
        row[f"top1_err_{record.epoch}"] = round(record.top1_err or 0.0, 3)
        row["val_loss"] = round(record.val_loss or np.inf, 5)
    for epoch in range(1, recipe.epochs + 1):
        row.setdefault(f"top1_err_{epoch}", 100.0)  # it has diverged
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="vit_p_1mf")
    parser.add_argument("--optimizer", default="adamw", choices=RANGES)
    parser.add_argument("--chunk", type=int, default=45)
    args = parser.parse_args()
    out = Path(__file__).with_name(f"{args.model}-{args.optimizer}.csv")
    done = pd.read_csv(out) if out.exists() else pd.DataFrame(columns=["lr", "wd", "seed"])
    have = set(zip(done.lr, done.wd, done.seed, strict=True))
    left = [point for point in grid(args.optimizer) if point not in have]
    left = left or [point for point in finalists(done) if point not in have]
    print(f"{len(left)} left of this stage")
    columns = ["lr", "wd", "seed", *(f"top1_err_{epoch}" for epoch in range(1, 26)), "val_loss"]
    with get_context("spawn").Pool(2) as pool, out.open("a", newline="") as file:
        writer = csv.DictWriter(file, columns)
        if not have:
            writer.writeheader()
        jobs = [(args.model, args.optimizer, point) for point in left[: args.chunk]]
        for row in pool.imap_unordered(train, jobs):
            writer.writerow(row)
            file.flush()


if __name__ == "__main__":
    main()
