"""What leads from the good trials to the best, against Optuna's PED-ANOVA."""

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.distributions import FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from analysis import knobs_table, read_knobs, read_sweeps
from analysis.knobs import among_good
from analysis.knobs.good import LEAST_TRIALS, good_trials, told_by
from analysis.knobs.settings import Setting

N = 512


def a_search(n=N, seed=0) -> pd.DataFrame:
    """A cliff of lr at 1 ruins 40 % of the trials; of the others, those with much momentum are the best."""
    rng = np.random.default_rng(seed)
    u, momentum = rng.random(n), rng.random(n)
    errors = np.where(u > 0.6, 100.0, 30 - 5 * momentum + rng.normal(0, 1, n))
    table = pd.DataFrame({"index": range(n), "lr": 10 ** (5 * u - 3), "hp.momentum": momentum})
    words = dict.fromkeys(("sweep", "model", "optimizer", "recipe", "family", "panel"), "m")
    state = np.where(errors == 100, "diverged", "finished")
    return table.assign(role="point", top1_err=errors, state=state, design="iid", **words)


def a_setting(values: np.ndarray) -> Setting:
    return Setting.of("x", values, np.arange(len(values)))


def read(table: pd.DataFrame):
    (sweep,) = read_sweeps(table)
    return read_knobs(sweep)


def test_its_shares_are_to_each_other_as_optunas_importances():
    rng = np.random.default_rng(0)
    x = rng.random((6000, 3))
    y = np.abs(x[:, 0] - 0.3) + 0.4 * x[:, 1] + rng.normal(0, 0.05, len(x))
    shares = [told_by(a_setting(x[:, j]), good_trials(y), 0.95).share.value for j in range(3)]
    theirs = optunas_importances(x, y)
    assert np.array(shares) / sum(shares) == pytest.approx(theirs, abs=0.02)


def optunas_importances(x: np.ndarray, y: np.ndarray) -> list[float]:
    names = [f"x{j}" for j in range(x.shape[1])]
    distributions = {name: FloatDistribution(0.0, 1.0) for name in names}
    study = optuna.create_study()
    for row, value in zip(x.tolist(), y.tolist(), strict=True):
        params = dict(zip(names, row, strict=True))
        study.add_trial(optuna.create_trial(params=params, distributions=distributions, value=value))
    evaluator = PedAnovaImportanceEvaluator(target_quantile=0.1, region_quantile=0.5)
    found = get_param_importances(study, evaluator=evaluator)
    return [found[name] for name in names]


def test_its_share_is_the_variance_of_the_chance_to_be_among_the_best():
    """Of values in [0, 1/2), the good ones, a quarter is the best with 4/5: P(best | x) is 4/5 or 0."""
    rng = np.random.default_rng(2)
    x = rng.random(20_000)
    is_best = (x < 0.125) & (rng.random(len(x)) < 0.8)
    y = np.where(is_best, 0.0, np.where(x < 0.5, 1.0, 2.0)) + 1e-3 * rng.random(len(x))
    chance = np.array([0.8, 0.0, 0.0, 0.0])
    share = told_by(a_setting(x), good_trials(y), 0.95).share
    assert share.value == pytest.approx(chance.var() / (0.2 * 0.8), abs=0.03)  # 1 % is near the jump


def test_what_a_cliff_hides_is_told_among_the_good():
    found = read(a_search())
    lr, momentum = found.knobs
    assert (lr.name, lr.leads_to_best) == ("lr", False)
    assert (momentum.matters, momentum.leads_to_best) == (False, True)
    assert momentum.share.value < 0.05 < 0.3 < momentum.among_good.value
    sentence = among_good(found)
    assert sentence.startswith("Within the better half of the trials, momentum explains ")
    assert sentence.endswith(f"in the best tenth ({found.good.limit:.1f} % error or better).")
    assert knobs_table([found]).loc[1, "among_good_low"] == momentum.among_good.low


def test_trials_that_end_equally_bad_do_not_count_as_good():
    errors = np.concatenate([np.arange(100.0, 200.0), np.full(200, 999.0)])
    good = good_trials(errors)
    assert good.is_good.sum() == 100
    assert good.is_best.sum() == 30
    assert good.limit == errors[29]


def test_the_better_half_without_ties_is_half():
    good = good_trials(np.random.default_rng(0).random(501))
    assert (good.is_good.sum(), good.is_best.sum()) == (251, 51)


def test_where_nothing_leads_to_the_best_that_is_said():
    table = a_search()
    errors = np.random.default_rng(1).normal(50, 5, N)
    found = read(table.assign(top1_err=errors, state="finished"))
    assert "no hyperparameter is shown to lead to the best tenth" in among_good(found)


def test_too_few_trials_or_too_many_equal_ones_are_told():
    few = read(a_search(n=LEAST_TRIALS - 1))
    assert among_good(few) is None
    assert any("together, take 250 trials, there are 249" in note for note in few.notes)
    table = a_search()
    equal = read(table.assign(top1_err=table["top1_err"].clip(lower=29.0)))
    assert among_good(equal) is None
    assert any("many equally good" in note for note in equal.notes)


def test_a_hyperparameter_with_one_value_among_the_good_is_not_told():
    table = a_search()
    table["hp.flag"] = (table["top1_err"] == 100).astype(int)
    flag = next(knob for knob in read(table).knobs if knob.name == "flag")
    assert np.isnan(flag.among_good.value)
    assert not flag.leads_to_best


def test_points_that_are_not_random_have_no_limits_and_no_sentence():
    found = read(a_search().assign(design="unknown"))
    assert np.isnan(found.knobs[0].among_good.low)
    assert among_good(found) is None
