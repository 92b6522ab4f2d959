"""Which recipe is the demo's, by the rule of docs/demo/README.md: error on minival at an optimum.

    python benchmarks/demo_choice.py --batch 32 --epochs 20 --model vit_p_1mf

Trains a model at a point with five seeds, none of which a search uses, and prints a line each: the point, the
fall over the last quarter of the schedule, the error in the end, and the seconds of the processor. Without
--lr and --wd the point is the optimum on `digits`, its learning rate scaled by the square root of the batch.
"""

import argparse
import dataclasses
import math
import time
from statistics import fmean, stdev

import torch

import search_spaces
from sweep.core.trial import TrialSpec
from sweep.data.datasets import open_dataset
from sweep.recipes.loading import load
from sweep.training import loop
from sweep.training.streams import open_batches

SEEDS = range(9_000, 9_005)
DEVICE = torch.device("cpu")


def main() -> None:
    args = _arguments()
    torch.set_num_threads(1)
    recipe = dataclasses.replace(load("digits", epochs=args.epochs), batch=args.batch)
    lr, wd = _point(args)
    splits = open_dataset(recipe, None).load(16)
    batches = open_batches(splits, recipe, DEVICE, px=16, resize=16, evaluate="minival")
    falls, ends = [], []
    for seed in SEEDS:
        started = time.process_time()
        trial = TrialSpec(key="", model=args.model, optimizer="adamw", lr=lr, weight_decay=wd, seed=seed)
        trained = loop.train([trial], recipe, batches, classes=10, px=16, device=DEVICE)
        errors = [record.top1_err or 0.0 if record else 100.0 for (record,) in trained]
        falls.append(errors[-1 - math.ceil(args.epochs / 4)] - errors[-1])
        ends.append(errors[-1])
        seconds = time.process_time() - started
        point = f"{args.model},{args.batch},{args.epochs},{lr:.4g},{wd:.4g},{seed}"
        print(f"{point},{falls[-1]:.2f},{ends[-1]:.2f},{seconds:.1f}", flush=True)
    print(f"# fall {fmean(falls):.2f}, error {fmean(ends):.2f} ± {stdev(ends):.2f} (SD)", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--lr", type=float)
    parser.add_argument("--wd", type=float)
    return parser.parse_args()


def _point(args: argparse.Namespace) -> tuple[float, float]:
    if args.lr:
        return args.lr, args.wd
    optimum = search_spaces.find(args.model, "adamw", "digits")
    return optimum.lr * math.sqrt(args.batch / 64), optimum.weight_decay


if __name__ == "__main__":
    main()
