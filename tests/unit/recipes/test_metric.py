import math

import pytest

from sweep.errors import InputError
from sweep.recipes.metric import MetricSpec, read_metric


def test_a_dictionary_is_read():
    metric = read_metric({"name": "val_loss", "unit": "nats", "low": 0})
    assert metric == MetricSpec(name="val_loss", unit="nats", low=0.0)
    assert isinstance(metric.low, float)  # an exact number in a key


def test_values_lie_within_the_bounds():
    share = MetricSpec(name="F1", higher_better=True, low=0.0, high=1.0)
    assert all(map(share.holds, (0.0, 1.0)))
    assert not any(map(share.holds, (1.1, -0.1, math.nan)))
    loss = MetricSpec(name="val_loss")
    assert [loss.holds(value) for value in (-5.0, 1e9, math.inf)] == [True, True, False]
    assert (share.better(0.2, 0.3), loss.better(0.2, 0.3)) == (0.3, 0.2)
    assert (share.bounds, loss.bounds) == ("from 0 to 1", "any finite number")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("val_loss", "it is a dictionary with name"),
        ({"unit": "nats"}, "name is missing"),
        ({"name": "a", "units": "nats"}, "unknown units"),
        ({"name": "a b"}, "name takes up to 60 letters"),
        ({"name": 1}, "name takes up to 60 letters"),
        ({"name": "lr"}, "name must not be one of"),
        ({"name": "a", "higher_better": 1, "low": 2, "high": 1}, "higher_better .*; low must be below high"),
        (
            {"name": "a", "low": "0", "high": math.inf, "unit": 5},
            "unit must be text.*; low must.*; high",
        ),
        ({"name": "a", "low": True}, "low must be a finite number"),
    ],
)
def test_all_that_is_wrong_is_told_at_once(values, message):
    with pytest.raises(InputError, match=message):
        read_metric(values)
