import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from search_spaces import Hyperparameter, SearchSpaceError, grid_side, read_over, relative_points

RELATIVE = st.floats(0, 1, exclude_max=True)
FINITE = st.floats(-1e6, 1e6)


def one(text: str, optimum=None) -> Hyperparameter:
    ((wanted,), _) = read_over(text)
    return wanted.at(optimum)


@given(FINITE, FINITE, RELATIVE)
def test_values_lie_in_the_range_and_grow_with_the_relative_point(low, high, u):
    assume(high - low > 1e-3)
    linear = Hyperparameter(name="x", scale="linear", low=low, high=high, optimum=low)
    assert low <= linear.value(u) <= high
    assert linear.value(0.0) == pytest.approx(low)
    assert linear.value(u) >= linear.value(u / 2) or math.isclose(linear.value(u), linear.value(u / 2))
    assert linear.value(u) == pytest.approx(low + u * (high - low), rel=1e-6, abs=1e-6)


def test_the_middle_of_a_scale():
    assert one("x=0:4@0").value(0.5) == 2
    assert one("x=0.01:1:log@1").value(0.5) == 0.1
    assert one("x=0.9:0.999:logit@0.9").value(0.5) == pytest.approx(0.98957, abs=1e-5)
    odds = one("x=0.9:0.999:logit@0.9").value(0.5)
    assert (odds / (1 - odds)) ** 2 == pytest.approx(9 * 999, rel=1e-6), "the middle of the log odds"


def test_every_integer_and_choice_is_as_likely():
    u = (np.arange(1200) + 0.5) / 1200
    whole = list(map(one("x=2:5:integer@2").value, u))
    assert [whole.count(k) for k in (2, 3, 4, 5)] == [300] * 4
    assert {type(value) for value in whole} == {int}
    words = list(map(one("x=a|b|c@b").value, u))
    assert [words.count(word) for word in "abc"] == [400] * 3


def test_values_have_eight_digits():
    assert one("x=0.001:0.1:log@0.1").value(1 / 3) == 0.0046415888


def test_what_is_read():
    wanted, fixed = read_over(" lr , beta2=0.9:0.999:logit , act=relu|gelu@gelu, depth=2:6:integer@4")
    assert fixed == ("weight_decay",)
    assert [each.name for each in wanted] == ["act", "beta2", "depth"], "whatever their order"
    assert wanted[0].at(None).optimum == "gelu"
    assert wanted[1].at(0.999).optimum == 0.999
    assert wanted[2].at(None).optimum == 4
    assert read_over("lr,weight_decay") == ([], ())
    assert read_over("weight_decay,lr,x=0:1")[1] == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "'x' has no range"),
        ("x=1", "x has the range '1'"),
        ("x=1:2:3:4", "x has the range"),
        ("x=a:2", "x: 'a' is no number"),
        ("x=1:2:cubic", "no scale is called 'cubic'"),
        ("x=1:2,x=3:4", "x is named twice"),
        ("lr,weight_decay,lr", "lr is named twice"),
        ("=1:2", "'=1:2' has no name"),
        ("lr,,x=1:2", "'' has no name"),
        ("lr=1e-3:1e-2", "lr has the range of `box`"),
        ("", "'' has no name"),
        ("x,y", "'x' has no range"),
        ("x,y", "'y' has no range"),
    ],
)
def test_what_cannot_be_read(text, said):
    with pytest.raises(SearchSpaceError) as caught:
        read_over(text)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x=2:1@1", "low < high"),
        ("x=1:1@1", "low < high"),
        ("x=nan:1@1", "low < high"),
        ("x=0:inf@1", "both finite"),
        ("x=0:1:log@1", "a log scale needs low > 0"),
        ("x=-1:1:log@1", "a log scale needs low > 0"),
        ("x=0.5:1:logit@0.6", "a logit scale needs 0 < low < high < 1"),
        ("x=0.5:3:integer@1", "an integer needs whole numbers"),
        ("x=1:3:integer@1.5", "must be a whole number"),
        ("x=1:3@4", "must lie in 1 to 3, got 4"),
        ("x=a|a@a", "two values or more, each once"),
        ("x=a|b@c", "must be one of a, b, got 'c'"),
        ("x=1:2", "its value at the optimum is not known. Say it after an @: x=LOW:HIGH@VALUE"),
        ("9x=1:2@1", "takes letters, digits and _"),
    ],
)
def test_what_is_no_range(text, said):
    with pytest.raises(SearchSpaceError) as caught:
        one(text)
    assert said in str(caught.value)


def test_a_design_over_more_shares_the_points_of_one_over_fewer():
    few = relative_points("iid", 20, 3, ("lr", "weight_decay"))
    more = relative_points("iid", 20, 3, ("lr", "weight_decay", "beta2", "warmup_epochs"))
    other = relative_points("iid", 30, 3, ("lr", "weight_decay", "warmup_epochs"))
    np.testing.assert_array_equal(few, more[:, :2])
    np.testing.assert_array_equal(more[:, 3], other[:20, 2])
    np.testing.assert_array_equal(relative_points("iid", 20, 3, ("weight_decay",))[:, 0], few[:, 1])


@pytest.mark.parametrize("design", ["iid", "sobol", "grid"])
@pytest.mark.parametrize("dimensions", range(1, 7))
def test_each_coordinate_is_evenly_spread(design, dimensions):
    n = 2**dimensions if design == "grid" else 512
    points = relative_points(design, n, 0, tuple(f"x{i}" for i in range(dimensions)))
    assert points.shape == (n, dimensions)
    np.testing.assert_allclose(points.mean(axis=0), 0.5, atol=1e-9 if design == "grid" else 0.05)
    assert len({tuple(row) for row in points.tolist()}) == n
    if dimensions > 1 and design == "iid":
        assert abs(np.corrcoef(points.T)[0, 1]) < 0.15


def test_a_grids_side():
    assert [grid_side(n, 3) for n in (1, 8, 27, 1000, 26)] == [1, 2, 3, 10, None]
    with pytest.raises(SearchSpaceError, match="to the power 3 for the design grid, got 26: use 8 or 27"):
        relative_points("grid", 26, 0, ("lr", "weight_decay", "x"))
