"""Δ in percent of the value at the optimum."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.analysed import by_metric, repeated, trials

from analysis import (
    AnalysisError,
    Metric,
    curve_of,
    read_sweeps,
    relative_sweeps,
    summarise,
    summary_table,
    with_relative_shares,
)

ERRORS = [3.0, 4.4, 5.0, 6.0, 8.0, 40.0]
LOSS = Metric(name="val_loss", unit="nats", low=0.0)
RETURN = Metric(name="return", higher_better=True)


def relative(table):
    return relative_sweeps(read_sweeps(table, any_metric=True))


def test_x_is_how_much_worse_a_trial_is_in_percent_of_the_optimum():
    """Of a mean of 4 and 6 at the optimum; what diverged is a step of no curve."""
    (sweep,) = relative(repeated(trials(ERRORS, optimum=4.0, diverged=2), [6.0]))
    curve = curve_of(sweep, absolute=False)
    np.testing.assert_allclose(curve.edf.x, [100 * (error - 5) / 5 for error in ERRORS])
    assert (curve.n, curve.diverged, curve.edf.y[-1]) == (8, 2, 0.75)
    assert curve.metric.label == "top-1 error (%)"
    assert curve.metric.amount(20.0) == "20 %"


def test_what_diverged_is_near_no_optimum_however_bad_that_is():
    (sweep,) = relative(trials([81.0, 90.0], optimum=80.0, diverged=2))
    assert {share.value for share in summarise(sweep).within.values()} == {0.25, 0.5}
    assert np.isinf(sweep.diverged["top1_err"]).all()


def test_the_shares_are_counted_at_5_to_40_percent_or_at_a_power_of_ten_times_these():
    (sweep,) = relative(trials(ERRORS, optimum=5.0))
    shares = {delta: share.value for delta, share in summarise(sweep).within.items()}
    assert shares == {5.0: 3 / 6, 10.0: 3 / 6, 20.0: 4 / 6, 40.0: 4 / 6}
    (sweep,) = relative(trials([50.0, 60.0, 70.0], optimum=5.0))
    assert sweep.metric.deltas == (500.0, 1000.0, 2000.0, 4000.0)


def test_of_a_metric_of_which_more_is_better_it_counts_how_much_less():
    table = by_metric(trials(ERRORS, diverged=1), RETURN, values=lambda errors: 100 - errors)
    (sweep,) = relative(table)
    expected = [100 * (error - 5) / 95 for error in ERRORS]
    np.testing.assert_allclose(curve_of(sweep, absolute=False).edf.x, expected, atol=1e-6)


@given(st.floats(1e-3, 1e3))
def test_the_unit_makes_no_difference(factor):
    """Nats or bits; nor does it where the values are negative, as log densities are."""
    plain, other = trials(ERRORS, diverged=1), trials(ERRORS, diverged=1)
    ours, theirs = by_metric(plain, LOSS), by_metric(other, LOSS, values=lambda errors: errors * factor)
    (a,), (b,) = relative(ours), relative(theirs)
    np.testing.assert_allclose(
        curve_of(a, absolute=False).edf.x, curve_of(b, absolute=False).edf.x, atol=1e-5
    )
    assert a.metric.deltas == b.metric.deltas


def test_levels_stay_those_of_the_metric_beside_the_relative_shares():
    sweeps = read_sweeps(by_metric(trials(ERRORS), LOSS), any_metric=True)
    own, of_delta = (summary_table([summarise(s) for s in ss]) for ss in (sweeps, relative_sweeps(sweeps)))
    (row,) = with_relative_shares(own, of_delta).to_dict("records")
    assert (row["at_optimum"], row["median"]) == (5.0, 5.0)
    assert row["within_20"] == 4 / 6
    assert not [name for name in row if name.startswith(("within_1_", "area_8"))]


def test_optima_around_zero_are_refused_all_in_one_message():
    signed = Metric(name="score")
    near = by_metric(repeated(trials(ERRORS, optimum=0.3), [-0.2, 0.1]), signed)
    exact = by_metric(trials(ERRORS, family="ViT_P", optimum=0.0).assign(repeat=0), signed)
    fine = by_metric(trials(ERRORS, family="RegNetY", optimum=5.0).assign(repeat=0), signed)
    with pytest.raises(AnalysisError) as refused:
        relative(pd.concat([near, exact, fine]))
    assert "it is 0 in sweep vit_p_1mf-adamw-0" in str(refused.value)
    assert "; 0.0667 ± 0.15 in sweep vit_c_1mf-adamw-0" in str(refused.value)
    assert "regnety" not in str(refused.value)
    assert str(refused.value).endswith("leave `relative` out.")


def test_without_an_optimum_there_is_no_relative_delta():
    table = trials(ERRORS)
    with pytest.raises(AnalysisError, match="is not in the table"):
        relative(table[table["role"] == "point"])
