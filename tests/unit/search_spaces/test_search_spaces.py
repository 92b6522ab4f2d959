"""Optima, boxes and designs."""

import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import search_spaces
from search_spaces import (
    Box,
    Optimum,
    SearchSpaceError,
    around,
    find,
    find_for,
    optima,
    paper,
    relative_points,
)

# arXiv:2106.14881, Table 4, for a minibatch of 2,048: (lr, weight decay) with AdamW, then with SGD.
_REGNETY = ((3.8e-3, 0.1), (2.54, 2.4e-5))
TABLE_4 = {
    **dict.fromkeys(("regnety_1gf", "regnety_4gf", "regnety_16gf", "regnety_32gf"), _REGNETY),
    "vit_p_1gf": ((2.0e-3, 0.20), (1.9, 1.3e-5)),
    "vit_p_4gf": ((2.0e-3, 0.20), (1.9, 1.3e-5)),
    "vit_p_18gf": ((1.0e-3, 0.24), (1.1, 1.2e-5)),
    "vit_p_36gf": ((6.0e-4, 0.28), None),
    "vit_c_1gf": ((2.5e-3, 0.19), (1.9, 1.3e-5)),
    "vit_c_4gf": ((1.0e-3, 0.24), (1.3, 2.2e-5)),
    "vit_c_18gf": ((1.0e-3, 0.24), (1.1, 2.7e-5)),
    "vit_c_36gf": ((6.0e-4, 0.28), None),
}
EXPECTED = {
    (model, optimizer, "imagenet"): values
    for model, both in TABLE_4.items()
    for optimizer, values in zip(("adamw", "sgd"), both, strict=True)
    if values
}

seeds = st.integers(0, 2**40)


# ---- optima

ROOT = Path(__file__).parents[3]


def test_the_studys_optima_are_those_of_its_table():
    shipped = {key: (o.lr, o.weight_decay) for key, o in optima().items() if key[2] == "imagenet"}
    assert shipped == EXPECTED
    assert {o.batch for key, o in optima().items() if key[2] == "imagenet"} == {2048}


def test_every_optimum_has_a_source():
    for (_, optimizer, recipe), optimum in optima().items():
        assert optimizer in ("adamw", "sgd")
        assert optimum.source.strip()
        assert ("2106.14881" in optimum.source) == (recipe == "imagenet")


SEARCHED = {key: o for key, o in optima().items() if o.source.startswith("benchmarks/optima/")}


@pytest.mark.parametrize("key", SEARCHED, ids="-".join)
def test_an_optimum_that_was_searched_is_the_best_mean_of_its_finalists(key):
    optimum = SEARCHED[key]
    file, told = optimum.source.split(": ")
    trials = pd.read_csv(ROOT / file)
    again = trials[trials.stage == "repeat" if "stage" in trials else trials.role == "finalist"]
    means = again.groupby(["lr", "weight_decay"]).top1_err.agg(["mean", "count"]).reset_index()
    (found,) = means[np.isclose(means.lr, optimum.lr, rtol=6e-3)].itertuples()
    assert optimum.weight_decay == pytest.approx(found.weight_decay, rel=6e-3)
    assert found.mean == means["mean"].min()
    seeds = "1 seed" if found.count == 1 else f"mean of {found.count} seeds"
    assert told == f"{found.mean:.2f} % on minival, {seeds}"


def test_no_optimum_is_listed_twice():
    from importlib import resources

    rows = resources.files("search_spaces").joinpath("optima.csv").read_text().splitlines()[1:]
    keys = [tuple(row.split(",")[:3]) for row in rows]
    assert len(keys) == len(set(keys)) == len(optima())


def test_vits_have_an_optimum_of_their_own_at_400_epochs():
    for family, size in itertools.product("pc", ("1gf", "4gf", "18gf", "36gf")):
        model = f"vit_{family}_{size}"
        optimum = find_for(model, "adamw", "imagenet", 400) or find(model, "adamw", "imagenet")
        expected = (6.0e-4, 0.28) if size == "36gf" else (1.0e-3, 0.24)
        assert (optimum.lr, optimum.weight_decay, optimum.batch) == (*expected, 2048)
        assert "400 epochs" in optimum.source
    assert find_for("vit_p_1gf", "adamw", "imagenet", 200) is None
    assert find_for("regnety_1gf", "sgd", "imagenet", 400) is None


def test_find():
    assert find("vit_c_4gf", "sgd", "imagenet").lr == 1.3


def test_an_optimum_that_is_not_known_says_what_to_do():
    with pytest.raises(SearchSpaceError) as caught:
        find("vit_p_1gf", "sgd", "no_such_recipe")
    for words in (
        "no optimum is known for vit_p_1gf with sgd on no_such_recipe",
        "adamw + imagenet, sgd + imagenet",
    ):
        assert words in str(caught.value)
    with pytest.raises(SearchSpaceError) as caught:
        find("resnet18", "sgd", "digits")
    assert "Known" not in str(caught.value)


@given(st.floats(1e-6, 10), st.floats(1e-6, 1), st.integers(1, 8192), st.integers(1, 8192))
def test_lr_scales_linearly_with_the_batch(lr, wd, batch, other):
    optimum = Optimum(lr=lr, weight_decay=wd, batch=batch, source="s")
    scaled = optimum.at_batch(other)
    assert scaled.lr / other == pytest.approx(lr / batch, rel=1e-12)
    assert (scaled.weight_decay, scaled.batch) == (wd, other)
    assert optimum.at_batch(batch) == optimum
    if other != batch:
        assert scaled.source.startswith("s; ")
        assert str(batch) in scaled.source


@pytest.mark.parametrize("bad", [0, -1.0, float("inf"), float("nan")])
@pytest.mark.parametrize("field", ["lr", "weight_decay", "batch"])
def test_an_optimum_needs_positive_finite_numbers(field, bad):
    values = {"lr": 0.1, "weight_decay": 0.1, "batch": 64, "source": ""} | {field: bad}
    with pytest.raises(SearchSpaceError, match=f"{field} must be a positive, finite number, got"):
        Optimum(**values)


def test_all_that_is_wrong_with_an_optimum_is_said_at_once():
    with pytest.raises(SearchSpaceError, match=r"lr must.*; weight_decay must.*; batch must"):
        Optimum(lr=0, weight_decay=-1, batch=0, source="")


# ---- boxes


def test_the_box_reaches_from_an_eighth_to_four_times():
    box = around(Optimum(lr=0.8, weight_decay=0.16, batch=64, source=""))
    assert (box.lr_low, box.lr_high) == pytest.approx((0.1, 3.2))
    assert (box.wd_low, box.wd_high) == pytest.approx((0.02, 0.64))


def test_the_box_may_reach_by_other_factors_and_holds_the_optimum():
    optimum = Optimum(lr=0.8, weight_decay=0.16, batch=64, source="")
    box = around(optimum, down=2, up=10)
    assert (box.lr_low, box.lr_high, box.wd_low, box.wd_high) == pytest.approx((0.4, 8.0, 0.08, 1.6))
    assert around(optimum, down=1, up=2).lr_low == 0.8
    for factors in ({"down": 0.99}, {"up": 0.5}, {"up": np.inf}, {"down": np.nan}):
        with pytest.raises(SearchSpaceError, match="by a factor of at least 1"):
            around(optimum, **factors)


@pytest.mark.parametrize(
    ("models", "optimizer", "ranges"),
    [  # arXiv:2106.14881, Appendix E
        (("vit_p_1gf", "vit_c_18gf"), "adamw", (2.5e-4, 8.0e-3, 0.02, 0.8)),
        (("vit_p_4gf", "vit_c_4gf"), "sgd", (0.1, 3.2, 4.0e-6, 1.2e-4)),
        (("regnety_1gf", "regnety_16gf"), "adamw", (1.25e-3, 4.0e-2, 0.0075, 0.24)),
        (("regnety_4gf",), "sgd", (0.25, 8.0, 3.0e-6, 8.0e-5)),
    ],
)
def test_the_papers_ranges(models, optimizer, ranges):
    for model in models:
        box = paper(model, optimizer, "imagenet", 2048)
        assert (box.lr_low, box.lr_high, box.wd_low, box.wd_high) == ranges
        half = paper(model, optimizer, "imagenet", 1024)
        assert (half.lr_low, half.lr_high) == pytest.approx((ranges[0] / 2, ranges[1] / 2))
        assert (half.wd_low, half.wd_high) == ranges[2:]


@pytest.mark.parametrize(
    ("model", "optimizer", "recipe"),
    [("vit_p_1gf", "adamw", "digits"), ("resnet50", "adamw", "imagenet"), ("vit_p_1gf", "lamb", "imagenet")],
)
def test_the_paper_has_no_other_ranges(model, optimizer, recipe):
    with pytest.raises(SearchSpaceError, match=f"`box` paper .* got {model}, {optimizer}, {recipe}.*optimum"):
        paper(model, optimizer, recipe, 2048)


@pytest.mark.parametrize("side", ["lr", "wd"])
@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 1), (-1, 1), (2, 1), (1, 1), (1, np.inf), (np.nan, 1), (1, np.nan)],
)
def test_a_box_needs_two_intervals(side, low, high):
    other = "wd" if side == "lr" else "lr"
    values = {f"{side}_low": low, f"{side}_high": high, f"{other}_low": 0.1, f"{other}_high": 1.0}
    with pytest.raises(SearchSpaceError, match=f"0 < low < high < inf, got {side} from"):
        Box(**values)


bounds = st.tuples(st.floats(1e-8, 1e3), st.floats(1.001, 1e6)).map(lambda t: (t[0], t[0] * t[1]))


@given(bounds, bounds, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=20))
def test_points_lie_in_the_box_with_8_digits(lr, wd, u):
    box = Box(lr_low=lr[0], lr_high=lr[1], wd_low=wd[0], wd_high=wd[1])
    points = box.points(np.array(u))
    assert points.shape == (len(u), 2)
    for column, (low, high) in zip(points.T, (lr, wd), strict=True):
        assert (column >= low * (1 - 1e-7)).all()
        assert (column <= high * (1 + 1e-7)).all()
        assert all(value == float(f"{value:.7e}") for value in column)
    expected = np.exp(np.log([lr[0], wd[0]]) + np.array(u) * np.log([lr[1] / lr[0], wd[1] / wd[0]]))
    np.testing.assert_allclose(points, expected, rtol=1e-7)


def test_corners_and_centre():
    box = Box(lr_low=0.01, lr_high=1.0, wd_low=1e-6, wd_high=1e-4)
    points = box.points(np.array([[0, 0], [0, 1], [1, 0], [0.5, 0.5]]))
    np.testing.assert_allclose(points, [[0.01, 1e-6], [0.01, 1e-4], [1, 1e-6], [0.1, 1e-5]], rtol=1e-12)


def test_iid_points_are_log_uniform_and_independent():
    u = relative_points("iid", 4000, 12)
    assert stats.kstest(u[:, 0], "uniform").pvalue > 0.01
    assert stats.kstest(u[:, 1], "uniform").pvalue > 0.01
    assert abs(stats.spearmanr(u[:, 0], u[:, 1]).statistic) < 4 / np.sqrt(4000)
    assert abs(stats.spearmanr(u[1:, 0], u[:-1, 0]).statistic) < 4 / np.sqrt(4000)
    box = around(find("vit_c_4gf", "adamw", "imagenet"))
    points = box.points(u)
    for column, low in zip(points.T, (1e-3 / 8, 0.24 / 8), strict=True):
        width = np.log(32)  # 8 · 4
        assert stats.kstest(np.log(column), "uniform", args=(np.log(low), width)).pvalue > 0.01


# ---- designs


@settings(max_examples=40)
@given(st.sampled_from(["iid", "sobol"]), st.integers(1, 8), st.integers(0, 8), seeds)
def test_a_larger_n_begins_with_the_points_of_a_smaller_one(design, small, more, seed):
    unit = 16 if design == "sobol" else 3
    few, many = (relative_points(design, n * unit, seed) for n in (small, small + more))
    np.testing.assert_array_equal(many[: len(few)], few)
    assert many.shape == ((small + more) * unit, 2)
    assert ((many >= 0) & (many < 1)).all()


@pytest.mark.parametrize("design", ["iid", "sobol"])
def test_another_seed_gives_other_points(design):
    draws = [relative_points(design, 16, seed) for seed in range(6)]
    assert len(np.unique(np.concatenate(draws), axis=0)) == 6 * 16


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_a_grid_is_the_midpoints_of_equal_cells(side):
    points = relative_points("grid", side * side, 0)
    middle = [(2 * i + 1) / (2 * side) for i in range(side)]
    expected = {(x, y) for x in middle for y in middle}
    assert {tuple(np.round(p, 12)) for p in points} == {tuple(np.round(p, 12)) for p in expected}
    assert len(points) == side * side
    np.testing.assert_array_equal(points, relative_points("grid", side * side, 77))


@settings(max_examples=25)
@given(seeds)
def test_each_scramble_is_a_net(seed):
    """A (0, 4, 2)-net in base 2: one of 16 points in each box of area 1/16, whatever its shape."""
    points = relative_points("sobol", 64, seed)
    for block in points.reshape(4, 16, 2):
        for columns in (1, 2, 4, 8, 16):
            rows = 16 // columns
            cells = np.floor(block[:, 0] * columns) * rows + np.floor(block[:, 1] * rows)
            assert sorted(cells) == list(range(16))


def test_scrambles_are_independent_of_each_other():
    """One Sobol' sequence, cut in four, would fill its 64 columns evenly; independent scrambles do not."""
    filled = []
    for seed in range(40):
        points = relative_points("sobol", 64, seed)
        assert len(np.unique(points, axis=0)) == 64
        filled.append(len(np.unique(np.floor(points[:, 0] * 64))))
    # each scramble fills one of every 4 columns: 64 · (1 − (3/4)⁴) = 43.75 of them on average
    assert np.mean(filled) == pytest.approx(43.75, abs=2)
    means = np.array(
        [relative_points("sobol", 32, seed).reshape(2, 16, 2).mean(1)[:, 0] - 0.5 for seed in range(200)]
    )
    assert abs(np.corrcoef(means.T)[0, 1]) < 4 / np.sqrt(200)


@pytest.mark.parametrize(
    ("design", "n", "seed", "message"),
    [
        ("iid", 0, 0, "n must be at least 1, got 0"),
        ("grid", -4, 0, "n must be at least 1, got -4"),
        ("iid", 5, -1, "seed must not be negative, got -1"),
        ("halton", 5, 0, "unknown design 'halton'; known: iid, sobol, grid"),
        ("sobol", 20, 0, "multiple of 16 for the design sobol, got 20: use 16 or 32"),
        ("sobol", 5, 0, "got 5: use 16"),
        ("grid", 60, 0, "a square for the design grid, got 60: use 49 or 64"),
        ("grid", 2, 0, "got 2: use 1 or 4"),
    ],
)
def test_what_cannot_be_drawn_offers_what_can(design, n, seed, message):
    with pytest.raises(SearchSpaceError, match=message):
        relative_points(design, n, seed)


@given(st.integers(1, 400), st.sampled_from(["sobol", "grid"]))
@settings(max_examples=40)
def test_what_is_offered_can_be_drawn(n, design):
    try:
        assert len(relative_points(design, n, 0)) == n
    except SearchSpaceError as error:
        offers = [int(word) for word in str(error).split("use ")[1].split(" or ")]
        assert min(offers) < n < max(offers) or n < min(offers)
        assert all(len(relative_points(design, offer, 0)) == offer for offer in offers)


def test_pure_and_the_same_in_another_process():
    code = (
        "import sys, search_spaces as s; heavy = {'torch', 'ray', 'mlflow', 'sweep', 'scipy', 'pandas'}; "
        "print(sorted(heavy & sys.modules.keys())); "
        "print([s.relative_points(d, 64, 5).tobytes().hex() for d in s.DESIGNS]); "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    at_import, points, at_use = done.stdout.splitlines()
    assert at_import == "[]", done.stderr
    assert points == str([relative_points(d, 64, 5).tobytes().hex() for d in search_spaces.DESIGNS])
    assert at_use == "['scipy']"
