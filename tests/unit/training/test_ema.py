"""The weights' average against a loop written by hand."""

import pytest
import torch
from torch import nn

from sweep.training.ema import WeightAverage

pytestmark = pytest.mark.usefixtures("one_thread")


def make_model(value=0.0):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.fill_(value)
    return model


def values(model):
    return {name: tensor.flatten()[0].item() for name, tensor in model.state_dict().items()}


@pytest.mark.parametrize(("epochs", "alpha"), [(50, 0.0131), (100, 0.0066), (400, 0.0016)])
def test_alpha_is_the_studys(make_recipe, epochs, alpha):
    """arXiv:2106.14881, §5.4: 1e-5 · batch · steps / epochs, at a minibatch of 2,048."""
    recipe = make_recipe(epochs=epochs, batch=2048, ema_steps=32)
    assert WeightAverage(nn.Linear(1, 1), recipe).alpha == pytest.approx(alpha, abs=5e-5)


def test_alpha_never_passes_one(make_recipe):
    recipe = make_recipe(epochs=1, batch=2048, ema_steps=32, ema_rate=0.9)
    assert WeightAverage(nn.Linear(1, 1), recipe).alpha == 1


def test_follows_a_hand_written_loop(make_recipe):
    per_epoch, every, rate = 6, 3, 2e-3  # an update falls on the warm-up's very end
    recipe = make_recipe(epochs=8, batch=100, ema_steps=every, warmup_epochs=2, ema_rate=rate)
    model = make_model()
    average = WeightAverage(model, recipe)
    alpha = rate * 100 * every / 8
    assert 0.05 < alpha < 0.1
    expected = 0.0
    seen = set()
    for step in range(1, 8 * per_epoch + 1):
        value = float(step**2 % 17)
        with torch.no_grad():
            for tensor in model.state_dict().values():
                tensor.fill_(value)
        epoch = (step - 1) // per_epoch + ((step - 1) % per_epoch + 1) / per_epoch
        average.update(model, step, epoch)
        if step % every == 0:
            in_warmup = step <= 2 * per_epoch
            seen.add(in_warmup)
            expected = value if in_warmup else (1 - alpha) * expected + alpha * value
            counted = value
        if step >= every:
            got = values(average.model)
            assert got.pop("1.num_batches_tracked") == counted  # a count has no average
            assert got == pytest.approx(dict.fromkeys(got, expected), rel=1e-5)
    assert seen == {True, False}


def test_starts_as_a_copy_that_shares_nothing(make_recipe):
    model = make_model(2.0)
    average = WeightAverage(model, make_recipe(ema_steps=1))
    with torch.no_grad():
        model[0].weight.fill_(5.0)
    assert values(average.model) == dict.fromkeys(values(model), 2.0)
    assert not any(p.requires_grad for p in average.model.parameters())
    assert all(p.requires_grad for p in model.parameters())


def test_a_model_is_not_changed_by_its_average(make_recipe):
    model = make_model(1.0)
    average = WeightAverage(model, make_recipe(ema_steps=1, warmup_epochs=0))
    with torch.no_grad():
        model[0].weight.fill_(5.0)
    average.update(model, 1, 0.5)
    assert values(model)["0.weight"] == 5.0
    assert 1.0 < values(average.model)["0.weight"] < 5.0
