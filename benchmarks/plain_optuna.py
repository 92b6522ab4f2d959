"""Another peer: Optuna with as many processes as there are cores, which share a study in a journal file.

    python benchmarks/plain_optuna.py --model vit_p_1mf --n 64 --epochs 3

Each process loads the data once and trains one trial after the other, at points drawn at random. Nothing is
tracked but in the study, no checkpoint is written, and what a killed process trained is lost.
"""

import argparse
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import optuna


def train_share(model: str, n: int, epochs: int) -> None:
    import optuna
    import torch

    from sweep.core.trial import TrialSpec
    from sweep.data.datasets import open_dataset
    from sweep.recipes.loading import load
    from sweep.training import loop
    from sweep.training.streams import open_batches

    torch.set_num_threads(1)
    recipe, device = load("digits", epochs=epochs), torch.device("cpu")
    splits = open_dataset(recipe, None).load(16)
    batches = open_batches(splits, recipe, device, px=16, resize=16)

    def objective(asked: optuna.Trial) -> float:
        lr = asked.suggest_float("lr", 5e-4, 2e-2, log=True)
        weight_decay = asked.suggest_float("weight_decay", 5e-3, 0.2, log=True)
        trial = TrialSpec(key="", model=model, optimizer="adamw", lr=lr, weight_decay=weight_decay, seed=0)
        error = math.nan
        for epoch, (record,) in enumerate(
            loop.train([trial], recipe, batches, classes=10, px=16, device=device)
        ):
            assert record is not None
            assert record.top1_err is not None
            error = record.top1_err
            asked.report(error, epoch)
        return error

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    open_study().optimize(objective, n_trials=n)


def open_study() -> "optuna.Study":
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return optuna.create_study(
        storage=JournalStorage(JournalFileBackend("study.log")),
        study_name="plain",
        sampler=optuna.samplers.RandomSampler(),
        load_if_exists=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="vit_p_1mf")
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--share", type=int)
    args = parser.parse_args()
    if args.share is not None:
        return train_share(args.model, args.share, args.epochs)
    open_study()
    cores = os.cpu_count() or 1
    shares = [len(range(i, args.n, cores)) for i in range(cores)]
    command, env = [sys.executable, *sys.argv], os.environ | {"OMP_NUM_THREADS": "1"}
    processes = [subprocess.Popen([*command, "--share", str(share)], env=env) for share in shares]
    sys.exit(max(process.wait() for process in processes))


if __name__ == "__main__":
    main()
