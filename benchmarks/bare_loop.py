"""The floor: as many trials of the same kind in as many processes as there are cores, and nothing else.

    python benchmarks/bare_loop.py --model vit_p_1mf --n 64 --epochs 3

No orchestration, no tracking, no journal: each process imports, loads the data and trains its share.
"""

import argparse
import os
import subprocess
import sys


def train_share(model: str, n: int, epochs: int, share: int, of: int) -> None:
    import torch

    import search_spaces
    from sweep.core.trial import TrialSpec
    from sweep.data.datasets import open_dataset
    from sweep.recipes.loading import load
    from sweep.training import loop
    from sweep.training.streams import open_batches

    torch.set_num_threads(1)
    recipe, device = load("digits", epochs=epochs), torch.device("cpu")
    splits = open_dataset(recipe, None).load(16)
    batches = open_batches(splits, recipe, device, px=16, resize=16)
    box = search_spaces.around(search_spaces.find(model, "adamw", "digits"))
    # one more than n: a sweep trains the optimum too
    points = box.points(search_spaces.relative_points("iid", n + 1, 0))
    for lr, weight_decay in points[share::of].tolist():
        trial = TrialSpec(key="", model=model, optimizer="adamw", lr=lr, weight_decay=weight_decay, seed=0)
        for _ in loop.train([trial], recipe, batches, classes=10, px=16, device=device):
            pass


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="vit_p_1mf")
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--share", type=int)
    args = parser.parse_args()
    cores = os.cpu_count() or 1
    if args.share is not None:
        return train_share(args.model, args.n, args.epochs, args.share, cores)
    command = [sys.executable, *sys.argv]
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen([*command, "--share", str(i)], env=env) for i in range(cores)]
    sys.exit(max(process.wait() for process in processes))


if __name__ == "__main__":
    main()
