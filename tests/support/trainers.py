"""User-defined training functions."""

import itertools
from pathlib import Path

from sweep.core.jobs import TrialContext
from sweep.core.trial import EpochRecord, TrialSpec
from sweep.recipes.loading import of_trainer
from sweep.user_trainer import loading as trainers
from sweep.user_trainer import running

ROOT = Path(__file__).parents[2]


def run(
    name: str,
    epochs: int = 3,
    *,
    evaluate: str = "val",
    checkpoint: Path | None = None,
    most: int = 99,
    **changes,
) -> list[EpochRecord]:
    """Return the records of a trial, or the first ``most``: it is interrupted then."""
    spec = {"key": "k", "model": "net", "optimizer": "adamw", "lr": 0.1, "weight_decay": 0.01, "seed": 7}
    setting = setting_of(name, epochs, trainers.load(name).fingerprint, evaluate)
    trained = running.train(TrialSpec(**(spec | changes)), setting, checkpoint=checkpoint)
    return [record for [record] in itertools.islice(trained, most)]


def setting_of(name: str, epochs: int, fingerprint: str, evaluate: str = "val") -> TrialContext:
    recipe = of_trainer(name, epochs)
    return TrialContext(recipe=recipe, px=0, classes=0, data=None, fingerprint=fingerprint, evaluate=evaluate)
