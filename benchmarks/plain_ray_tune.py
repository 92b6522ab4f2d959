"""The peer: trials of the same kind in the way Ray's documentation shows, with its MLflow callback.

    python benchmarks/plain_ray_tune.py --model vit_p_1mf --n 64 --epochs 3 [--reuse]

A function trainable that builds its data and model, reports each epoch, and MLflowLoggerCallback. With
``--reuse``, a worker trains one trial after the other, which Ray's documentation recommends for short trials.
"""

import argparse
import os
import tempfile

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

from ray import tune
from ray.air.integrations.mlflow import MLflowLoggerCallback


def train_one(config: dict) -> None:
    import torch

    from sweep.core.trial import TrialSpec
    from sweep.data.datasets import open_dataset
    from sweep.recipes.loading import load
    from sweep.training import loop
    from sweep.training.streams import open_batches

    torch.set_num_threads(1)
    recipe = load("digits", epochs=config["epochs"])
    device = torch.device("cpu")
    splits = open_dataset(recipe, None).load(16)
    batches = open_batches(splits, recipe, device, px=16, resize=16)
    trial = TrialSpec(
        key="",
        model=config["model"],
        optimizer="adamw",
        seed=0,
        lr=config["lr"],
        weight_decay=config["weight_decay"],
    )
    for (record,) in loop.train([trial], recipe, batches, classes=10, px=16, device=device):
        assert record is not None
        tune.report({"top1_err": record.top1_err, "train_loss": record.train_loss})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="vit_p_1mf")
    parser.add_argument("--n", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--reuse", action="store_true")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        callback = MLflowLoggerCallback(tracking_uri="sqlite:///mlflow.db", experiment_name="plain")
        tuner = tune.Tuner(
            tune.with_resources(train_one, {"cpu": 1}),
            param_space={
                "model": args.model,
                "epochs": args.epochs,
                "lr": tune.loguniform(5e-4, 2e-2),
                "weight_decay": tune.loguniform(5e-3, 0.2),
            },
            tune_config=tune.TuneConfig(num_samples=args.n, reuse_actors=args.reuse),
            run_config=tune.RunConfig(storage_path=folder, callbacks=[callback], verbose=0),
        )
        tuner.fit()


if __name__ == "__main__":
    main()
