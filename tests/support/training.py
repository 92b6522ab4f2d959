"""Small trainings."""

import dataclasses
import math

import numpy as np
import torch
from torch import nn

from sweep.core.trial import TrialSpec
from sweep.data.datasets import open_dataset
from sweep.data.images import Splits
from sweep.recipes.recipe import Recipe
from sweep.training.batches import InMemoryBatches
from sweep.training.loop import train

CPU = torch.device("cpu")


def make_recipe(**changes):
    base = {"epochs": 2, "batch": 32, "warmup_epochs": 1, "train_subset": 96, "max_px": 16}
    return Recipe(name="test", dataset="digits", **base | changes)


def make_trial(model="vit_p_1mf", optimizer="adamw", lr=2e-3, weight_decay=0.05, seed=0):
    return TrialSpec(
        key="k",
        model=model,
        optimizer=optimizer,
        lr=lr,
        weight_decay=weight_decay,
        seed=seed,
    )


def make_batches(recipe, evaluated=60):
    splits = open_dataset(recipe, None).load(16)
    few = splits.minival.take(np.arange(evaluated))
    return InMemoryBatches(Splits(splits.train, few, few), recipe, CPU)


def run_pack(trials, recipe, batches=None):
    """All epochs' records; a pack's are lists of one column a trial."""
    epochs = list(train(trials, recipe, batches or make_batches(recipe), classes=10, px=16, device=CPU))
    for record in (r for epoch in epochs for r in epoch if r):
        numbers = [v for v in dataclasses.astuple(record) if v is not None]
        assert all(math.isfinite(v) for v in numbers)
    return epochs


def run_one(trial, recipe, batches=None):
    return [record for (record,) in run_pack([trial], recipe, batches)]


class Dropping(nn.Module):
    """A model that draws random numbers while it trains."""

    def __init__(self, num_classes):
        super().__init__()
        self.layers = nn.Sequential(
            nn.AvgPool2d(4),
            nn.Flatten(),
            nn.Linear(48, 32),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(32, num_classes),
        )

    def forward(self, x):
        return self.layers(x)
