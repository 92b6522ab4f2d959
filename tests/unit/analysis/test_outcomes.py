import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.analysed_outcomes import study, trainings

from analysis import AnalysisError, best_within, outcome_table, outcomes, published
from analysis.outcomes import delta, longest, stand_in


def test_an_outcome_is_the_seeds_of_one_model_optimizer_and_length():
    table = pd.concat([study({100: [4.0, np.nan], 50: [5.0, 7.0]}), trainings([3.0], optimizer="sgd")])
    one, other, sgd = outcomes(table.sample(frac=1, random_state=0))
    assert [(o.optimizer, o.schedule) for o in (one, other, sgd)] == [
        ("adamw", 50),
        ("adamw", 100),
        ("sgd", 50),
    ]
    assert (one.mean, one.missing, one.epoch_s, one.converged) == (6.0, 0, 2.0, True)
    assert one.sd == pytest.approx(np.sqrt(2))
    assert (other.mean, other.missing, other.errors.tolist()[0]) == (4.0, 1, 4.0)
    assert np.isnan([other.sd, sgd.sd]).all()


def test_they_come_by_size_family_and_optimizer():
    keys = itertools.product(("18GF", "1GF"), ("RegNetY", "ViT_P"), ("sgd", "adamw"))
    found = outcomes(pd.concat([trainings([1.0], panel=p, family=f, optimizer=o) for p, f, o in keys]))
    assert [(o.panel, o.family, o.optimizer) for o in found] == list(
        itertools.product(("1GF", "18GF"), ("ViT_P", "RegNetY"), ("adamw", "sgd"))
    )


def test_a_seed_that_diverged_counts_as_100_and_leaves_no_delta_and_no_spread():
    short, long = outcomes(study({50: [5.0, 6.0], 100: [4.0, 100.0]}))
    assert (long.mean, long.diverged, long.converged) == (52.0, 1, False)
    assert np.isnan([long.sd, *delta(short, long), *delta(long, short)]).all()


def test_an_epoch_takes_as_long_whatever_the_length():
    table = study({50: [5.0], 100: [np.nan], 150: [4.0], 200: [100.0]})
    table.loc[table["schedule"] == 150, "wall_s"] = 150 * 4.0
    assert {row.epoch_s for row in outcomes(table)} == {(50 * 2 + 150 * 4) / 200}


def test_seeds_without_a_result_are_in_no_mean():
    (row,) = outcomes(trainings([np.nan, np.nan]))
    assert (row.missing, row.converged) == (2, False)
    assert np.isnan([row.mean, row.sd, row.epoch_s]).all()


@given(
    errors=st.lists(st.tuples(*[st.floats(0, 99)] * 2), min_size=2, max_size=9), shift=st.floats(-0.5, 0.5)
)
def test_delta_is_the_mean_of_the_seeds_differences(errors, shift):
    short, long = np.array(errors).T
    one, other = outcomes(study({50: short.tolist(), 100: long.tolist()}))
    mean, sd = delta(one, other)
    frame = pd.DataFrame({"short": short, "long": long})
    assert mean == pytest.approx((frame.short - frame.long).mean(), abs=1e-9)
    assert sd == pytest.approx((frame.short - frame.long).std(), abs=1e-9)
    assert delta(other, other) == (0.0, 0.0)


def test_delta_pairs_seeds_and_leaves_out_those_without_both_results():
    short, long = outcomes(study({50: [9.0, 5.0, np.nan], 100: [np.nan, 4.0, 3.0]}))
    assert delta(short, long)[0] == 1.0


def test_the_best_shorter_training_stands_in_for_one_that_diverged():
    found = outcomes(
        pd.concat(
            [study({25: [6.0], 50: [8.0], 100: [100.0], 200: [1.0]}), trainings([0.1], optimizer="sgd")]
        )
    )
    by_length = {row.schedule: row for row in found if row.optimizer == "adamw"}
    assert stand_in(found, by_length[100]) is by_length[25]
    assert stand_in(found, by_length[25]) is None
    assert longest(found, by_length[25]) is by_length[200]


def test_the_best_within_a_limit_is_of_those_that_are_fast_enough():
    slow, fast, broken = outcomes(
        pd.concat([trainings([e], panel=p) for p, e in (("1GF", 2.0), ("4GF", 3.0), ("18GF", 100.0))])
    )
    slow = dataclasses.replace(slow, epoch_s=9.0)
    assert best_within([slow, fast, broken], 5.0) is fast
    assert best_within([slow, fast, broken], 10.0) is slow
    assert best_within([slow, broken], 5.0) is None


def test_the_published_best_within_20_minutes_is_the_papers():
    found = published()
    assert len(found) == 36
    best = best_within(found, 20 * 60)
    assert (best.model, best.schedule, best.mean) == ("regnety_16gf", 400, 16.3)
    vits = [row for row in found if row.family != "RegNetY"]
    assert best_within(vits, 12 * 60).model == "vit_c_18gf"


def test_the_table_has_a_row_an_outcome():
    table = outcome_table(outcomes(study({50: [5.0, 6.0], 100: [4.0, 4.0], 200: [100.0, np.nan]})))
    assert table.columns.tolist() == [
        "model",
        "family",
        "panel",
        "optimizer",
        "schedule",
        "seeds",
        "diverged",
        "missing",
        "top1_err",
        "sd",
        "delta",
        "delta_sd",
        "epoch_s",
    ]
    assert table.top1_err.tolist() == [5.5, 4.0, 100.0]
    assert table.delta.isna().all()
    assert table[["seeds", "diverged", "missing"]].iloc[2].tolist() == [1, 1, 1]
    finished = outcome_table(outcomes(study({50: [5.0, 6.0], 100: [4.0, 4.0]})))
    assert finished.delta.tolist() == [1.5, 0.0]


def test_what_cannot_be_a_table_of_trainings_is_refused():
    with pytest.raises(AnalysisError, match="no schedule"):
        outcomes(trainings([1.0]).drop(columns="schedule"))
    with pytest.raises(AnalysisError, match="got 0 rows"):
        outcomes(trainings([1.0])[:0])
    with pytest.raises(AnalysisError, match="vit_c_1mf with adamw for 50 epochs, repeat 0, twice"):
        outcomes(pd.concat([trainings([1.0])] * 2))
