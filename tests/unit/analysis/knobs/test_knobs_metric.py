"""Hyperparameters of trials with another metric: of a bounded twin of the error the same is said."""

import numpy as np
import pandas as pd
import pytest
from support.analysed import by_metric

from analysis import AnalysisError, knobs_table, read_knobs, read_sweeps
from analysis.figures import knobs_figure
from analysis.intervals import Interval
from analysis.knobs.differences import minus
from analysis.knobs.isolation import quantile
from analysis.knobs.words import headline, sentences
from analysis.metric import Metric

F1 = Metric(name="F1", higher_better=True, low=0.0, high=1.0)
LOSS = Metric(name="val_loss", unit="nats", low=0.0)


def trials(n=512) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    u = rng.random(n)
    error = np.where(u > 0.6, 100.0, 20 + 100 * (u - 0.4) ** 2 + rng.normal(0, 2, n))
    table = pd.DataFrame(
        {"role": "point", "index": range(n), "lr": 10 ** (5 * u - 3), "weight_decay": rng.random(n) + 0.1}
    )
    words = dict.fromkeys(("sweep", "model", "recipe", "family", "panel"), "m")
    state = np.where(error == 100, "diverged", "finished")
    return table.assign(
        top1_err=error, best_top1_err=error, state=state, design="iid", optimizer="a", **words
    )


def read(table: pd.DataFrame, **asked):
    (sweep,) = read_sweeps(table, any_metric=True)
    return read_knobs(sweep, **asked)


def test_a_bounded_metric_has_the_shares_cliffs_and_negated_changes_of_its_error():
    error, f1 = read(trials()), read(by_metric(trials(), F1, lambda errors: 1 - errors / 100))
    assert f1.drop == pytest.approx(0.1)
    for one, other in zip(error.knobs, f1.knobs, strict=True):
        assert other.share == pytest.approx(one.share, abs=1e-9)
        assert other.p == pytest.approx(one.p, rel=1e-6)
        assert other.below.at == one.below.at
        assert other.above.at == one.above.at
    row, twin = (knobs_table([each]).iloc[0] for each in (error, f1))
    assert twin["best_change"] == pytest.approx(-row["best_change"] / 100)
    assert twin["best_change_low"] == pytest.approx(-row["best_change_high"] / 100)
    assert (twin["metric"], twin["ranks"]) == ("F1", False)
    assert "metric" not in row
    assert "The mean F1 is " in sentences(f1)[0]
    assert " better than over all values at " in sentences(f1)[0]


def test_without_a_bound_no_value_is_invented_for_what_diverged():
    """Shares and tenths are of ranks, which any growing function of the metric leaves as they are."""
    plain, grown = (read(by_metric(trials(), LOSS, f), cliff=1000) for f in (abs, lambda e: np.exp(e / 5)))
    one, other = plain.knobs[0], grown.knobs[0]
    assert (one.name, one.share, one.best, one.optimum) == (
        other.name,
        other.share,
        other.best,
        other.optimum,
    )
    assert one.worst.error.high <= 100
    assert one.curve[-1].median.value == np.inf
    assert one.above.at == other.above.at
    assert one.above.at.low <= 1.0 <= one.above.at.high  # u = 0.6: only what diverged is so much worse
    assert "of how ranks by val_loss differ" in headline(plain)
    assert (
        "the median val_loss is over 1000 nats worse than where the mean rank is best" in sentences(plain)[0]
    )
    assert "% of all places" in sentences(plain)[0]


def test_where_half_diverged_the_figure_says_so():
    figure = knobs_figure([read(by_metric(trials(), LOSS))])
    figure.canvas.draw()
    assert "div." in [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert figure.get_supylabel() == "val_loss (nats)"
    assert all(np.isfinite(line.get_ydata()).all() for line in figure.axes[0].lines)


def test_values_of_a_metric_of_which_more_is_better_rise_downwards():
    figure = knobs_figure([read(by_metric(trials(), F1, lambda errors: 1 - errors / 100))])
    figure.canvas.draw()
    texts = [float(tick.get_text()) for tick in figure.axes[0].get_yticklabels()]
    assert texts == sorted(texts, reverse=True)
    assert figure.get_supylabel() == "F1, better below"


def test_a_quantile_between_a_finite_value_and_none_is_none():
    assert quantile(np.array([1.0, np.inf]), 0.5, 0.95, LOSS).value == np.inf
    assert quantile(np.array([1.0, 1.0, 1.0, np.inf]), 0.5, 0.95, LOSS).value == 1.0
    assert quantile(np.full(3, np.inf), 0.5, 0.95, LOSS) == (np.inf, 0.0, np.inf)


def test_two_that_are_worse_than_everything_do_not_differ():
    lost, known = Interval(np.inf, 3.0, np.inf), Interval(1.0, 0.5, 2.0)
    assert minus(lost, known) == (np.inf, 1.0, np.inf)
    assert minus(known, lost) == (-np.inf, -np.inf, -1.0)
    assert minus(lost, lost) == (0.0, -np.inf, np.inf)
    sure = Interval(np.inf, np.inf, np.inf)
    assert minus(sure, sure) == (0.0, -np.inf, np.inf)
    assert minus(sure, known).low == np.inf


@pytest.mark.parametrize(
    ("metric", "wanted"), [(F1, "lie between 0 and 1, got 1"), (LOSS, "be positive, got -1")]
)
def test_a_cliff_out_of_range_is_refused(metric, wanted):
    values = (lambda errors: 1 - errors / 100) if metric is F1 else (lambda errors: errors)
    with pytest.raises(AnalysisError, match=wanted):
        read(by_metric(trials(), metric, values), cliff=1.0 if metric is F1 else -1.0)
