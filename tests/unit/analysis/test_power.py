"""How many points a difference takes: against a simulation, and the demo's trials."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from analysis import AnalysisError, compare, read_sweeps
from analysis.power import TYPICAL, least_difference, points_needed, spread_of
from sweep.results.figures import with_places

DEMO = Path(__file__).parents[3] / "docs/demo/trials.csv"
TESTED = 0.05 * 0.4 / 2
"""The level of each of the two areas, if one pair is compared."""


def test_so_many_points_show_the_difference_in_four_of_five_studies():
    n = points_needed(0.1, 0.4)
    means = 0.1 + 0.4 / np.sqrt(n) * np.random.default_rng(0).standard_normal(200_000)
    seen = means / (0.4 / np.sqrt(n)) > stats.norm.isf(TESTED / 2)
    assert seen.mean() == pytest.approx(0.8, abs=5e-3)


def test_it_agrees_with_statsmodels():
    n = TTestPower().solve_power(effect_size=0.1 / 0.4, alpha=TESTED, power=0.8)
    assert points_needed(0.1, 0.4) == pytest.approx(n, abs=5)  # that one has Student's tails


def test_points_and_differences_are_inverse():
    for share in (1.0, 0.5):
        n = points_needed(0.1, 0.4, share)
        assert least_difference(n, 0.4, share) <= 0.1 < least_difference(n - 1, 0.4, share)
    assert points_needed(0.1, 0.4, 0.5) > points_needed(0.1, 0.4)


def test_the_usual_spread_is_that_of_the_demo():
    found = spread_of(compare(read_sweeps(with_places(pd.read_csv(DEMO)))))
    assert found[:2] == pytest.approx(TYPICAL[:2], abs=5e-3)
    assert found.source == "as of their trials so far"
    assert spread_of([]) is TYPICAL


@pytest.mark.parametrize("difference", [0, 1, -0.1, float("nan"), 5])
def test_an_impossible_difference_is_refused(difference):
    with pytest.raises(AnalysisError, match="between 0 and 1"):
        points_needed(difference, 0.4)
