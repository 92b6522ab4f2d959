import math

import pytest

from sweep.errors import InputError
from sweep.recipes.metric import MetricSpec, chance_error, further_metric, read_metric


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


def test_a_metric_without_a_chance_is_written_as_before_there_was_one():
    """Keys and plans hold what it is written as."""
    metric = MetricSpec(name="F1", low=0.0)
    assert list(metric.contents) == ["name", "unit", "higher_better", "low", "high"]
    assert read_metric(metric.contents | {"chance": 1}).contents["chance"] == 1.0


def test_chance_is_that_of_a_guess_among_equal_classes():
    assert (chance_error(10), chance_error(1000), chance_error(10, 5), chance_error(4, 5)) == (
        90,
        99.9,
        50,
        0,
    )
    assert further_metric("val_loss", 10).chance == pytest.approx(2.302585)
    assert further_metric("val_loss", None).chance is None


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
        ({"name": "a", "chance": "50"}, "chance must be a finite number"),
        ({"name": "a", "low": 0, "high": 1, "chance": 50}, "chance must be from 0 to 1, got 50"),
    ],
)
def test_all_that_is_wrong_is_told_at_once(values, message):
    with pytest.raises(InputError, match=message):
        read_metric(values)
