import time

import pytest
import torch
from support.plans import a_plan

from sweep.data.digits import Digits
from sweep.recipes.loading import load
from sweep.training.batches import InMemoryBatches
from sweep.training.loop import train
from sweep.training.timing import epoch_seconds

CPU = torch.device("cpu")


@pytest.mark.system  # it measures time: nothing else may run on the machine
@pytest.mark.parametrize("model", ["vit_p_1mf", "regnety_1mf"])
def test_an_epoch_takes_about_as_long_as_a_few_steps_say(model, one_thread):
    recipe, (trial, *_) = load("digits", epochs=2), a_plan(model=model).trials
    splits = Digits(recipe).load(16)
    estimated = epoch_seconds(trial, recipe, splits, classes=10, px=16, device=CPU)
    epochs = train([trial], recipe, InMemoryBatches(splits, recipe, CPU), classes=10, px=16, device=CPU)
    next(epochs)
    started = time.perf_counter()
    next(epochs)
    took = time.perf_counter() - started
    assert took / 4 < estimated < 4 * took, "others may be at work on this machine"


def test_few_images_are_enough(one_thread):
    recipe, (trial, *_) = load("digits", epochs=2), a_plan(model="vit_p_1mf").trials
    splits = Digits(recipe).load(16)
    few = type(splits)(*(type(part)(part.pixels[:70], part.labels[:70]) for part in splits))
    assert 0 < epoch_seconds(trial, recipe, few, classes=10, px=16, device=CPU) < 10
