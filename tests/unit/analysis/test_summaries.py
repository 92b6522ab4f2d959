import numpy as np
import pandas as pd
import pytest
from support.analysed import repeated, trials

from analysis import read_sweeps, summarise, summary_table


def summary(table):
    return summary_table([summarise(sweep) for sweep in read_sweeps(table)]).set_index("family")


def test_tabulates_a_sweep():
    table = pd.concat([trials([4.0, 5.5, 8.0, 30.0], diverged=2, missing=1), trials([1.0], family="ViT_P")])
    rows = summary(table)
    assert rows.index.tolist() == ["ViT_P", "ViT_C"]
    row = rows.loc["ViT_C"]
    assert (row["n"], row["diverged"], row["missing"], row["optimum_err"]) == (6, 2, 1, 5.0)
    assert (row["best"], row["median"]) == (4.0, 8.0)
    assert (row["within_1"], row["within_4"]) == pytest.approx((2 / 6, 3 / 6))
    assert row["divergence_rate"] == pytest.approx(2 / 6)


def test_the_zero_is_the_mean_of_the_optimums_trials():
    row = summary(repeated(trials([5.0, 6.5, 7.5, 12.0], optimum=5.0), [6.0, 8.5, np.nan])).iloc[0]
    assert (row["optimum_err"], row["seeds"]) == (6.5, 3)
    assert row["mean_delta"] == pytest.approx(7.75 - 6.5)


def test_all_diverged():
    row = summary(trials([], diverged=8)).iloc[0]
    assert (row["best"], row["median"], row["mean_err"]) == (100.0, 100.0, 100.0)
    assert row["within_8"] == 0.0
