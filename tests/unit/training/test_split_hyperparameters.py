"""What a trial changes is trained as if the recipe, the model or the optimizer said it."""

import dataclasses

import pytest
import torch
from support.training import make_recipe, make_trial, run_one, run_pack

from sweep.training.optim import make_optimizer
from sweep.training.split_hyperparameters import trial_settings

pytestmark = pytest.mark.usefixtures("one_thread")


def with_over(trial, **over):
    return dataclasses.replace(trial, over=tuple(sorted(over.items())))


@pytest.mark.parametrize(
    "changes",
    [{"warmup_epochs": 2.0, "warmup_factor": 0.5}, {"label_smoothing": 0.2}, {"min_lr_factor": 0.3}],
)
def test_a_field_of_the_recipe(changes):
    trial = make_trial()
    own = run_one(with_over(trial, **changes), make_recipe())
    assert own == run_one(trial, make_recipe(**changes))
    assert own != run_one(trial, make_recipe())


def test_averaging():
    trial, recipe = make_trial(), make_recipe(ema_steps=1, ema_rate=1e-3)
    own = run_one(with_over(trial, ema_rate=0.02), recipe)
    assert own == run_one(trial, dataclasses.replace(recipe, ema_rate=0.02)) != run_one(trial, recipe)


def test_an_argument_of_the_model():
    trial = make_trial()
    own = run_one(with_over(trial, drop_path_rate=0.4), make_recipe())
    assert own == run_one(dataclasses.replace(trial, model="vit_p_1mf(drop_path_rate=0.4)"), make_recipe())
    assert own != run_one(trial, make_recipe())


def test_an_argument_stands_above_the_models_own():
    trial = with_over(make_trial("vit_p_1mf(depth=2,drop_path_rate=0.1)"), drop_path_rate=0.2)
    assert trial_settings(trial, make_recipe()).model == "vit_p_1mf(depth=2,drop_path_rate=0.2)"


@pytest.mark.parametrize(
    ("optimizer", "settings", "expected"),
    [
        ("adamw", {"beta2": 0.95, "eps": 1e-6}, {"betas": (0.9, 0.95), "eps": 1e-6}),
        ("adamw", {"beta1": 0.5}, {"betas": (0.5, 0.999), "eps": 1e-8}),
        ("sgd", {"momentum": 0.5}, {"momentum": 0.5, "nesterov": True}),
        ("sgd", {"momentum": 0.0}, {"momentum": 0.0, "nesterov": False}),
    ],
)
def test_a_setting_of_the_optimizer(optimizer, settings, expected):
    made = make_optimizer(optimizer, torch.nn.Linear(2, 2), 0.1, 0.1, settings)
    for group in made.param_groups:
        assert {name: group[name] for name in expected} == expected


def test_a_trial_is_the_same_in_the_company_of_others():
    usual = make_trial()
    others = [usual, with_over(usual, beta2=0.9, warmup_epochs=0.0), with_over(usual, drop_path_rate=0.3)]
    packed = run_pack(others, make_recipe())
    for column, trial in enumerate(others):
        assert [epoch[column] for epoch in packed] == run_one(trial, make_recipe())
