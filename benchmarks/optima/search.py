"""Find the optima of ``search_spaces/optima.csv`` for a recipe without a published one.

    python benchmarks/optima/search.py MODEL OPTIMIZER [--recipe digits] [--n-trials 32] [--repeats 3]

Each trial trains on ``train`` and is judged on ``minival``, which is never reported. Optuna's TPE
searches lr and weight decay on log scales, after a dozen random points; a trial that is worse than the
median after two fifths of its epochs is given up (only here: a sweep's trials never are). The best six
points are trained again with other seeds, and the best mean wins. What was tried is kept beside this
file as MODEL-OPTIMIZER-RECIPE.csv; the row for the table is printed.
"""

import argparse
import math
from pathlib import Path

import optuna
import pandas as pd
import torch

from sweep import models, training
from sweep.data import open_source
from sweep.recipe import Recipe, load
from sweep.trial import TrialSpec

RANGES = {
    "adamw": {"lr": (3e-4, 3e-2), "weight_decay": (3e-3, 1.0)},
    "sgd": {"lr": (1e-2, 2.0), "weight_decay": (1e-6, 1e-2)},
}
FINALISTS = 6


class Search:
    """One model, optimizer and recipe."""

    def __init__(self, model: str, optimizer: str, recipe: Recipe, data: Path | None) -> None:
        torch.set_num_threads(1)
        self.model, self.optimizer, self.recipe = model, optimizer, recipe
        source = open_source(recipe, data)
        self.px = recipe.px(models.resolution(model)[0])
        self.classes = source.classes
        self.device = torch.device("cpu")
        self.batches = training.BatchSource(source.load(self.px), recipe, self.device, evaluate="minival")
        self.rows: list[dict[str, object]] = []

    def train(self, lr: float, weight_decay: float, seed: int, trial: optuna.Trial | None = None) -> float:
        """Train one point; return its last error on minival."""
        spec = TrialSpec(
            key="search",
            model=self.model,
            optimizer=self.optimizer,
            lr=lr,
            weight_decay=weight_decay,
            seed=seed,
        )
        pack = training.train(
            [spec], self.recipe, self.batches, classes=self.classes, px=self.px, device=self.device
        )
        row: dict[str, object] = {"lr": lr, "weight_decay": weight_decay, "seed": seed, "stage": "repeat"}
        pruned = False
        for (record,) in pack:
            assert record is not None
            row |= {"epochs": record.epoch, "top1_err": record.top1_err, "val_loss": record.val_loss}
            if trial:
                row["stage"] = "search"
                trial.report(record.top1_err, record.epoch)
                if pruned := trial.should_prune() and record.epoch < self.recipe.epochs:
                    break
        self.rows.append(row | {"pruned": pruned})
        if pruned:
            raise optuna.TrialPruned
        return float(row["top1_err"])  # type: ignore[arg-type]

    def search(self, n_trials: int) -> None:
        """Let Optuna choose points."""
        study = optuna.create_study(
            sampler=optuna.samplers.TPESampler(multivariate=True, n_startup_trials=12, seed=0),
            pruner=optuna.pruners.MedianPruner(
                n_startup_trials=6, n_warmup_steps=self.recipe.epochs * 2 // 5
            ),
        )

        def objective(trial: optuna.Trial) -> float:
            space = RANGES[self.optimizer]
            point = {name: trial.suggest_float(name, *space[name], log=True) for name in space}
            return self.train(**point, seed=0, trial=trial)

        study.optimize(objective, n_trials=n_trials)

    def repeat(self, repeats: int) -> pd.Series:
        """Train the best points again with other seeds; return the row of the best mean."""
        table = pd.DataFrame(self.rows)
        done = table[~table.pruned].fillna({"val_loss": math.inf})
        for _, row in done.sort_values(["top1_err", "val_loss"]).head(FINALISTS).iterrows():
            for seed in range(1, repeats + 1):
                self.train(row.lr, row.weight_decay, seed)
        # The seed that chose the finalists does not judge them: it would flatter the luckiest.
        judged = pd.DataFrame(self.rows).query("stage == 'repeat'")
        finalists = judged.groupby(["lr", "weight_decay"])
        means = finalists.agg(
            top1_err=("top1_err", "mean"), val_loss=("val_loss", "mean"), n=("seed", "size")
        )
        return means.sort_values(["top1_err", "val_loss"]).reset_index().iloc[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model")
    parser.add_argument("optimizer", choices=RANGES)
    parser.add_argument("--recipe", default="digits")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--n-trials", type=int, default=32)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    search = Search(args.model, args.optimizer, load(args.recipe), args.data)
    search.search(args.n_trials)
    best = search.repeat(args.repeats)
    out = Path(__file__).with_name(f"{args.model}-{args.optimizer}-{search.recipe.name}.csv")
    pd.DataFrame(search.rows).to_csv(out, index=False)
    print(
        f"{args.model},{args.optimizer},{search.recipe.name},{best.lr:.3g},{best.weight_decay:.3g},"
        f"{search.recipe.batch},{best.top1_err:.2f} % on minival (mean of {best.n:.0f} seeds)",
        flush=True,
    )


if __name__ == "__main__":
    main()
