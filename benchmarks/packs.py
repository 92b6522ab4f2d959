"""What a pack saves: trials an hour of one worker that trains K trials together, beside one that trains one.

    python benchmarks/packs.py --out benchmarks/results/packs.csv

Trains JPEGs as ImageNet's are (see image_speed.py) with the laptop trio at 16 px and resnet18 at 32 px, with
the paper's augmentation and with crop and flip alone, and the trio on digits, which lie in memory. Each K
trains as many trials as it holds, in turns with the others. Counted is the CPU time of the one process, which
depends less on what else the machine does than the time that passes: with one thread and no loader worker
they are the same on an idle machine. Every error is compared with that of the trial alone.
"""

import argparse
import csv
import dataclasses
import platform
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from image_speed import make_images, photographs

TRIO = ("vit_p_1mf", "vit_c_1mf", "regnety_1mf")
PAPER, PLAIN = ("random_resized_crop", "flip", "auto_augment"), ("random_resized_crop", "flip")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """Something to train, often."""

    model: str
    px: int
    data: str
    augment: tuple[str, ...]

    @property
    def name(self) -> tuple[str, ...]:
        """What tells it from the others, as the table has it."""
        return self.model, str(self.px), self.data, " ".join(self.augment)


CASES = [
    *(Case(model=m, px=16, data="folder", augment=a) for a in (PAPER, PLAIN) for m in TRIO),
    *(Case(model="resnet18", px=32, data="folder", augment=a) for a in (PAPER, PLAIN)),
    *(Case(model=m, px=16, data="digits", augment=("shift",)) for m in TRIO),
]


def prepared(case: Case, folder: Path) -> tuple[Any, Any, dict[str, Any]]:
    """Return a case's recipe, batches, and what else `train` takes."""
    import torch

    from sweep.data.datasets import open_dataset
    from sweep.recipes.recipe import Recipe
    from sweep.training.streams import open_batches

    recipe = Recipe(
        name="packs",
        dataset=case.data,
        max_px=case.px,
        epochs=2,
        batch=64,
        warmup_epochs=1,
        augment=case.augment,
        ema_steps=5,
    )
    source = open_dataset(recipe, folder if case.data == "folder" else None)
    device = torch.device("cpu")
    batches = open_batches(source.load(case.px), recipe, device, px=case.px, resize=case.px)
    return recipe, batches, {"classes": source.classes, "px": case.px, "device": device}


def trained(case: Case, setup: Any, count: int) -> tuple[float, list[float]]:
    """Train a pack of so many trials; return the CPU seconds that each took, and the first trial's errors."""
    from sweep.core.trial import TrialSpec
    from sweep.training.loop import train

    recipe, batches, building = setup
    trials = [
        TrialSpec(
            key=str(seed),
            model=case.model,
            optimizer="adamw",
            lr=1e-3 * 1.1**seed,
            weight_decay=0.05,
            seed=seed,
        )
        for seed in range(count)
    ]
    before = time.process_time()
    epochs = list(train(trials, recipe, batches, **building))
    return (time.process_time() - before) / count, [epoch[0].top1_err or 0.0 for epoch in epochs if epoch[0]]


def measured(case: Case, folder: Path, sizes: list[int], repeats: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each size of a pack."""
    setup = prepared(case, folder)
    trained(case, setup, 1)  # whatever happens once
    turns = [{size: trained(case, setup, size) for size in sizes} for _ in range(repeats)]
    (errors,) = {tuple(errors) for turn in turns for _, errors in turn.values()}  # alone as in company
    for size in sizes:
        ratios = [turn[1][0] / turn[size][0] for turn in turns]
        yield {
            **dict(zip(("model", "px", "data", "augment"), case.name, strict=True)),
            "pack": size,
            "cpu_s_a_trial": round(median(turn[size][0] for turn in turns), 3),
            "times_the_trials": round(median(ratios), 2),
            "least": round(min(ratios), 2),
            "most": round(max(ratios), 2),
            "turns": repeats,
            "error_of_the_first": errors[-1],
            "machine": machine(),
        }


def machine() -> str:
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    packages = " ".join(f"{name} {version(name)}" for name in ("torch", "timm"))
    return f"{names[0].partition(':')[2].strip()}, Python {platform.python_version()}, {packages}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("packs.csv"))
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--images", type=int, default=320)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--photos", type=Path, help="folder of more photographs")
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    args = parser.parse_args()

    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        size = make_images(Path(folder), photographs(args.photos), args.images, 500)
        print(f"{args.images} JPEGs of 500 × 375, {size:.0f} kB")
        rows = []
        for case in CASES:
            if args.only in " ".join(case.name):
                for row in measured(case, Path(folder), args.sizes, args.repeats):
                    print(*list(row.values())[:-1], sep=" | ", flush=True)
                    rows.append(row)
    with args.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
