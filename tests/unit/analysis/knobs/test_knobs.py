"""Against formulas, scipy and simulations whose truth is known; see benchmarks/coverage_knobs.py for more."""

import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.stats import qmc
from threadpoolctl import threadpool_limits

from analysis import AnalysisError, knobs_table, read_knobs, read_sweeps
from analysis.intervals import Interval
from analysis.knobs.cliffs import cliffs
from analysis.knobs.gains import gains, halves
from analysis.knobs.isolation import Bin, quantile
from analysis.knobs.settings import Setting
from analysis.knobs.shares import explained, holm
from analysis.knobs.words import headline, sentences

N = 512


def a_table(n=N, *, name="m", seed=0, errors=None, optimum=None, **columns) -> pd.DataFrame:
    """A random search: lr over five decades with a cliff at 1, weight decay that does nothing."""
    rng = np.random.default_rng(seed)
    u = rng.random(n)
    lr = 10 ** (5 * u - 3)
    if errors is None:
        errors = np.where(u > 0.6, 100.0, 20 + 100 * (u - 0.4) ** 2 + rng.normal(0, 2, n))
    given = {"role": "point", "index": np.arange(n), "lr": lr, "weight_decay": 10 ** (-rng.random(n) * 3)}
    table = pd.DataFrame(given | columns)
    table["top1_err"] = errors
    if optimum is not None:
        best = table.iloc[[0]].assign(role="optimum", index=-1, top1_err=20.0, **optimum)
        table = pd.concat([table, best], ignore_index=True)
    table["state"] = np.where(table["top1_err"] == 100, "diverged", "finished")
    words = {"sweep": name, "model": name, "optimizer": "sgd", "recipe": "r", "family": name, "panel": "p"}
    return table.assign(design="iid", **words)


def read(table: pd.DataFrame, **asked):
    (sweep,) = read_sweeps(table)
    return read_knobs(sweep, **asked)


def a_setting(values) -> Setting:
    return Setting.of("x", np.asarray(values, dtype=float), np.arange(len(values)))


def test_the_share_of_a_linear_effect_is_that_of_the_formula():
    rng = np.random.default_rng(1)
    x = rng.random((20_000, 3))
    y = 30 + 12 * x[:, 0] + 6 * x[:, 1] + rng.normal(0, 2, 20_000)
    variances = np.array([144 / 12, 36 / 12, 0.0])  # of 12 u, 6 u and nothing
    for j, part in enumerate(variances):
        share = explained(a_setting(x[:, j]), y, 0.95).share
        assert share.value == pytest.approx(part / (variances.sum() + 4), abs=0.015)


def test_the_share_of_a_choice_is_the_unbiased_one_of_the_analysis_of_variance():
    rng = np.random.default_rng(2)
    x = np.repeat([1.0, 2.0, 4.0, 8.0], 50)
    y = 20 + x + rng.normal(0, 3, 200)
    groups = [y[x == value] for value in np.unique(x)]
    within = np.mean([group.var(ddof=1) for group in groups])
    between = np.var([group.mean() for group in groups]) - 3 / 200 * within  # Hays's omega squared
    assert explained(a_setting(x), y, 0.95).share.value == pytest.approx(
        between / (between + within), abs=0.02
    )
    assert explained(a_setting(x), y, 0.95).p == stats.f_oneway(*groups).pvalue


def test_limits_hold_what_is_true_as_often_as_promised():
    rng = np.random.default_rng(3)
    held = {"share": 0, "median": 0, "best": 0}
    reps = 300
    for _ in range(reps):
        u = rng.random(256)
        y = 20 + 20 * u + rng.normal(0, 4, 256)
        share = explained(a_setting(u), y, 0.95).share
        held["share"] += share.low <= (400 / 12) / (400 / 12 + 16) <= share.high
        median = quantile(np.sort(y), 0.5, 0.95)
        held["median"] += median.low <= 30 <= median.high
        best, _ = gains(a_setting(u), y, 0.95)
        held["best"] += best.error.low <= 21 <= best.error.high  # the first tenth is always chosen here
    for name, count in held.items():
        assert stats.binom.cdf(count, reps, 0.95) > 1e-3, name


def test_quantile_limits_are_those_of_the_binomial_distribution():
    ordered = np.arange(1.0, 101.0)
    for q in (0.5, 0.16):
        found = quantile(ordered, q, 0.95)
        low, high = found.low - 1, found.high - 1  # trials below each
        assert stats.binom.cdf(low, 100, q) <= 0.025 + stats.binom.pmf(low, 100, q)
        assert stats.binom.cdf(high, 100, q) - stats.binom.cdf(low, 100, q) >= 0.95
    assert quantile(ordered[:4], 0.5, 0.95)[1:] == (0.0, 100.0)


def test_where_nothing_matters_an_effect_is_rarely_claimed():
    rng = np.random.default_rng(4)
    alarms = 0
    for _ in range(200):
        y = np.where(rng.random(128) < 0.3, 100.0, rng.normal(40, 10, 128).clip(0, 99))
        p = [explained(a_setting(rng.random(128)), y, 0.95).p for _ in range(5)]
        alarms += holm(np.array(p)).min() <= 0.05
    assert stats.binom.sf(alarms, 200, 0.05) > 1e-3


def test_holm_is_that_of_the_definition():
    assert holm(np.array([0.01, 0.04, 0.03, np.nan])).tolist()[:3] == pytest.approx([0.03, 0.06, 0.06])


def bins(*medians: tuple[float, float, float]) -> list[Bin]:
    return [
        Bin(
            low=i,
            high=i + 1,
            middle=i + 0.5,
            label="",
            n=30,
            median=Interval(*m),
            best_of_4=Interval(*m),
            best=0,
        )
        for i, m in enumerate(medians)
    ]


def test_a_cliff_lies_where_the_median_exceeds_the_optimum_for_good():
    good, dip, bad = (20.0, 19.0, 21.0), (35.0, 34.0, 36.0), (60.0, 59.0, 61.0)
    below, above = cliffs(bins(bad, good, good, dip, good, bad, bad), 2.5)
    assert above.at.value == 5.0  # not at the dip, which it comes back from
    assert (above.at.low, above.at.high) == (
        2.5,
        6.0,
    )  # from the optimum to the end of the bin that is surely bad
    assert (below.at.value, below.at.low, below.at.high) == (1.0, 0.0, 2.0)
    assert above.is_shown
    assert below.is_shown


def test_a_cliff_that_may_be_chance_is_not_shown():
    good, unsure = (20.0, 19.0, 21.0), (60.0, 22.0, 100.0)
    _, above = cliffs(bins(good, good, unsure), 0.5)
    assert above.at == Interval(2.0, 1.0, np.inf)
    assert not above.is_shown
    assert cliffs(bins(good, good, good), 0.5)[1].at == Interval(np.inf, 2.0, np.inf)


def test_the_cliff_of_a_search_is_found_with_its_factor():
    found = read(a_table(optimum={"lr": 0.1}))
    lr = found.knobs[0]
    assert (lr.name, lr.optimum, lr.is_known, lr.setting.is_log) == ("lr", 0.1, True, True)
    assert lr.above.at.low <= 1.0 <= lr.above.at.high  # u = 0.6
    assert lr.below.at.low <= 10 ** (5 * (0.4 - np.sqrt(0.1)) - 3) <= lr.below.at.high  # 10 points worse
    assert "lr matters most: by itself it explains" in headline(found)
    assert "No effect is shown of weight_decay" in headline(found)
    sentence, *_, untuned = sentences(found)
    assert untuned.startswith("What it costs on average to leave one at a random value")
    assert " times (" in sentence
    assert "at its optimum (0.1)" in sentence
    assert "lower than over all values at 0." in sentence


def test_without_an_optimum_the_lowest_mean_stands_for_it():
    lr = read(a_table()).knobs[0]
    assert not lr.is_known
    assert 0.05 < lr.optimum < 0.25  # 0.1 is best


def test_each_half_of_the_trials_judges_what_the_other_chose():
    rng = np.random.default_rng(5)
    changes = []
    for _ in range(100):
        y = rng.normal(50, 10, 400)
        changes.append([gain.change.value for gain in gains(a_setting(rng.random(400)), y, 0.95)])
    low, high = np.mean(changes, axis=0)
    assert abs(low) < 1.0  # the lowest of ten means, by itself, is 2.4 points low
    assert abs(high) < 1.0


def test_the_halves_of_a_sobol_design_do_not_complement_each_other():
    apart = []
    for seed in range(60):
        u = np.concatenate([qmc.Sobol(5, rng=100 * seed + net).random(16) for net in range(32)])
        choice, error = np.floor(4 * u[:, -1]).astype(np.int64), np.abs(u[:, 0] - u[:, 1])
        half = halves(choice)
        apart += [[error[(choice == c) & (half == h)].mean() - 1 / 3 for h in (0, 1)] for c in range(4)]
    assert np.corrcoef(np.transpose(apart))[0, 1] > -0.5  # every second trial: -0.64


def test_texts_integers_and_absent_values_are_hyperparameters_too():
    rng = np.random.default_rng(6)
    aug = rng.choice(["flip", "none"], N)
    errors = np.where(aug == "flip", 20.0, 40.0) + rng.normal(0, 3, N)
    columns = {"hp.aug": aug, "hp.batch": rng.choice([64, 128], N)}
    columns["hp.momentum"] = np.where(rng.random(N) < 0.5, rng.random(N), np.nan)
    columns["hp.same"] = 3
    found = read(a_table(errors=errors, **columns))
    names = {knob.name: knob for knob in found.knobs}
    assert set(names) == {"aug", "lr", "weight_decay", "batch", "momentum"}
    assert names["aug"].share.value > 0.85
    assert [b.label for b in names["aug"].curve] == ["flip", "none"]
    assert (names["aug"].best.label, names["aug"].below) == ("flip", None)
    assert len(names["momentum"].setting.rows) == np.isfinite(columns["hp.momentum"]).sum()
    assert "same is the same in all trials of m" in found.notes


def test_hyperparameters_that_go_together_are_named():
    x = np.random.default_rng(7).random(N)
    found = read(a_table(**{"hp.epochs": x, "hp.peak": x + np.random.default_rng(8).random(N)}))
    assert any("epochs and peak go together" in note for note in found.notes)


def test_points_that_are_not_random_have_no_limits():
    found = read(a_table().assign(design="unknown"))
    assert np.isnan(found.knobs[0].share.low)
    assert np.isnan(found.knobs[0].p)
    assert "design=iid" in found.notes[0]
    assert sentences(found) == []
    assert "lr explains most" in headline(found)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (a_table(n=71), "at least 72"),
        (a_table(errors=np.full(N, 30.0)), "one and the same error"),
        (a_table().assign(lr=1.0, weight_decay=1.0), "no hyperparameter varies"),
    ],
)
def test_what_a_sample_cannot_carry_is_refused(table, message):
    with pytest.raises(AnalysisError, match=message):
        read(table)


def test_a_cliff_of_no_points_is_refused():
    with pytest.raises(AnalysisError, match="between 0 and 100 points, got 0"):
        read(a_table(), cliff=0.0)


def test_tenths_take_more_trials_than_the_rest():
    found = read(a_table(n=100))
    assert found.knobs[0].best is None
    few = "the best and the worst tenth of a range, and what it costs untuned, take 200 trials, there are 100"
    assert found.notes.count(few) == 1  # of both hyperparameters


def test_the_table_has_a_row_a_hyperparameter():
    found = [read(a_table(name=name)) for name in "ab"]
    table = knobs_table(found)
    assert table["hyperparameter"].tolist() == ["lr", "weight_decay"] * 2
    assert table.loc[0, "share"] == found[0].knobs[0].share.value
    assert table.loc[0, "cliff_above_high"] == found[0].knobs[0].above.at.high


def test_what_two_hyperparameters_do_together_is_told_with_the_fit():
    rng = np.random.default_rng(10)
    x, z = rng.random((2, N))
    found = read(a_table(errors=20 + 60 * np.abs(x - z) + rng.normal(0, 2, N), **{"hp.x": x, "hp.z": z}))
    sentence = next(text for text in sentences(found) if text.startswith("Together, beyond"))
    assert "explain: x × z " in sentence
    assert sentence.endswith(f"explains {100 * found.surrogate.fit:.0f} % of how errors differ.")
    row = knobs_table([found]).set_index("hyperparameter").loc["x"]
    assert (row["pair"], row["pair_share"]) == ("z", found.surrogate.pairs[0].share.value)
    assert row["shapley_low"] <= row["shapley"] <= row["shapley_high"]


def test_where_the_rest_is_noise_what_they_do_together_is_refused():
    found = read(a_table(errors=np.random.default_rng(11).normal(50, 5, N)))
    assert found.surrogate is None
    assert any(note.startswith("m: what hyperparameters do together is not told") for note in found.notes)


def test_ten_models_of_ten_thousand_trials_and_eight_hyperparameters_take_seconds():
    n = 10_000
    columns = {f"hp.x{j}": np.random.default_rng(j).random(n) for j in range(6)}
    (sweep,) = read_sweeps(a_table(n=n, **columns))
    with threadpool_limits(1):  # idle threads count as busy
        start = time.process_time()  # what other processes do meanwhile does not count
        for _ in range(2):
            assert len(read_knobs(sweep).knobs) == 8
    assert 5 * (time.process_time() - start) < 5


def test_a_choice_is_told_in_its_own_words():
    rng = np.random.default_rng(9)
    aug = np.array(["crop", "flip", "none"])[np.arange(N) % 3]
    found = read(a_table(errors=np.where(aug == "none", 40.0, 20.0) + rng.normal(0, 3, N), **{"hp.aug": aug}))
    sentence, *_ = sentences(found)
    assert sentence.startswith("aug: Errors are ")
    assert "higher at none." in sentence
