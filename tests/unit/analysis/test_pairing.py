import numpy as np
import pytest
from support.analysed import trials

from analysis import read_sweeps
from analysis.pairing import pair_up


def two(a, b):
    by_family = {sweep.family: sweep for sweep in [*read_sweeps(a), *read_sweeps(b)]}
    return by_family["ViT_C"], by_family["ViT_P"]


def pairs(a, b):
    return pair_up(*two(a, b), 0.95)


def test_the_same_relative_points_are_the_same_point_whatever_lr():
    a, b = trials([1.0, 2.0, 3.0], diverged=1), trials([4.0, 5.0, 6.0, 7.0], family="ViT_P")
    found = pairs(a, b.assign(lr=b["lr"] * 3))
    np.testing.assert_array_equal(found.a, [1, 2, 3, 100])
    np.testing.assert_array_equal(found.b, [4, 5, 6, 7])
    assert found.points.problem is None
    assert found.points.index.tolist() == [0, 1, 2, 3]


def test_rows_may_come_in_any_order():
    a = trials([1.0, 2.0, 3.0]).sample(frac=1, random_state=1)
    b = trials([4.0, 5.0, 6.0], family="ViT_P").sample(frac=1, random_state=2)
    np.testing.assert_array_equal(pairs(a, b).b - pairs(a, b).a, [3, 3, 3])


def test_only_points_with_two_results_count():
    a, b = trials([1.0, 2.0, 3.0], missing=2), trials([4.0, 5.0, 6.0, 7.0, 8.0], family="ViT_P")
    b.loc[0, ["state", "top1_err"]] = ["failed", np.nan]
    found = pairs(a, b)
    np.testing.assert_array_equal(found.a, [2, 3])
    np.testing.assert_array_equal(found.b, [5, 6])


def test_a_longer_sweep_begins_with_a_shorter_ones_points():
    rng = np.random.default_rng(5)
    u = rng.random((8, 2))
    a, b = trials(np.arange(4.0)), trials(np.arange(8.0), family="ViT_P")
    a.loc[:3, ["u_lr", "u_wd"]] = u[:4]
    b.loc[:7, ["u_lr", "u_wd"]] = u
    assert len(pairs(a, b).a) == 4


def test_without_relative_points_the_same_lr_and_wd_are_the_same_point():
    drop = ["u_lr", "u_wd"]
    a, b = trials([1.0, 2.0]).drop(columns=drop), trials([3.0, 4.0], family="ViT_P").drop(columns=drop)
    np.testing.assert_array_equal(pairs(a, b).b, [3, 4])
    assert pairs(a, b.assign(lr=b["lr"] * 2)) is None


@pytest.mark.parametrize("shared", [0, 1])
def test_fewer_than_two_shared_points_are_none(shared):
    a, b = trials([1.0, 2.0, 3.0]), trials([4.0, 5.0, 6.0], family="ViT_P")
    b.loc[shared:2, "u_lr"] += 0.001
    assert pairs(a, b) is None


def test_a_point_that_was_tried_twice_pairs_with_none():
    a, b = trials([1.0, 2.0, 3.0]), trials([4.0, 5.0, 6.0], family="ViT_P")
    b.loc[1, ["u_lr", "u_wd"]] = b.loc[0, ["u_lr", "u_wd"]].to_numpy(dtype=float)
    assert pairs(a, b) is None


def test_two_designs_have_no_intervals_but_are_paired():
    a, b = trials([1.0, 2.0]).assign(design="iid"), trials([3.0, 4.0], family="ViT_P").assign(design="grid")
    found = pairs(a, b)
    assert found is not None
    assert "by the design iid and grid" in found.points.problem


def test_two_designs_are_named():
    """Shared points of two designs have no sampling error; that they are not known would not be true."""
    a, b = trials([1.0, 2.0, 3.0, 4.0]), trials([4.0, 5.0, 6.0, 7.0], family="ViT_P")
    problem = pairs(a, b.assign(design="sobol")).points.problem
    assert "were drawn by the design iid and sobol: only if" in problem
    assert "is not known" in pairs(a, b.assign(design="unknown")).points.problem
