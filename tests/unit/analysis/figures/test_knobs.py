"""The figure of isolation curves."""

import itertools

import matplotlib
import numpy as np
import pandas as pd
import pytest

from analysis import AnalysisError, read_knobs, read_sweeps
from analysis.figures import knobs_figure, render


def found(*names: str, optimum: bool = False, beta2: bool = False):
    parts = []
    for seed, name in enumerate(names):
        rng = np.random.default_rng(seed)
        n = 120
        table = pd.DataFrame(
            {
                "role": "point",
                "index": range(n),
                "lr": 10 ** (-3 * rng.random(n)),
                "weight_decay": rng.random(n),
            }
            | {
                "hp.augmentation_strength": rng.choice(["flip", "none"], n),
                "hp.batch_size": rng.choice([128, 256, 512], n),
            }
        )
        if beta2:
            table["hp.beta2"] = 1 - 10 ** -rng.uniform(1, 4, n)
        table["top1_err"] = 20 + 100 * table["lr"].clip(0, 0.7) + rng.normal(0, 2, n)
        if optimum:
            best = table.iloc[[0]].assign(role="optimum", index=-1, lr=0.01)
            table = pd.concat([table, best], ignore_index=True)
        words = {
            "sweep": name,
            "model": name,
            "optimizer": "sgd",
            "recipe": "r",
            "family": name,
            "panel": "p",
        }
        parts.append(table.assign(state="finished", design="iid", **words))
    return [read_knobs(sweep) for sweep in read_sweeps(pd.concat(parts, ignore_index=True))]


@pytest.mark.parametrize("names", ["a", "ab", "abcde"])
def test_nothing_is_cut_off_or_smaller_than_7_points_and_the_bytes_are_the_same(names):
    figure = knobs_figure(found(*names))
    first = render(figure, ".svg")
    box = figure.get_tightbbox()
    assert box.x0 > -0.01
    assert box.x1 < figure.get_figwidth() + 0.01
    assert box.y1 < figure.get_figheight() + 0.01
    texts = [text for text in figure.findobj(matplotlib.text.Text) if text.get_text()]
    assert min(text.get_fontsize() for text in texts) >= 7
    assert render(knobs_figure(found(*names)), ".svg") == first


def test_each_hyperparameter_has_a_subplot_on_its_own_scale_and_the_likeliest_is_first():
    figure = knobs_figure(found("a", "b", optimum=True, beta2=True))
    panels = {ax.get_title(loc="left").split(":")[0]: ax for ax in figure.axes if ax.get_visible()}
    assert next(iter(panels)) == "lr"
    assert set(panels) == {"lr", "weight_decay", "augmentation_strength", "batch_size", "beta2"}
    assert panels["lr"].get_xscale() == "log"
    assert panels["weight_decay"].get_xscale() == "linear"
    assert panels["beta2"].get_xscale() == "logit"
    assert {"0.99", "0.999"} <= {tick.get_text() for tick in panels["beta2"].get_xticklabels()}
    assert [tick.get_text() for tick in panels["augmentation_strength"].get_xticklabels()] == ["flip", "none"]
    assert [tick.get_text() for tick in panels["batch_size"].get_xticklabels()] == ["128", "256", "512"]
    assert any(list(line.get_xdata()) == [0.01, 0.01] for line in panels["lr"].lines)


def test_lines_are_the_medians(tmp_path):
    (one,) = found("a")
    figure = knobs_figure([one])
    lr = one.knobs[0]
    lines = [line.get_ydata() for line in figure.axes[0].lines]
    assert any(np.array_equal(line, [b.median.value for b in lr.curve]) for line in lines)
    assert any(np.array_equal(line, [b.best_of_4.value for b in lr.curve]) for line in lines)


def test_titles_do_not_overlap():
    figure = knobs_figure(found(*"abcd"))
    figure.canvas.draw()
    titles = [ax.get_title(loc="left") and ax._left_title.get_window_extent() for ax in figure.axes]
    for one, other in itertools.pairwise(titles):
        assert one.x1 < other.x0


def test_no_sweep_is_no_figure():
    with pytest.raises(AnalysisError, match="at least one hyperparameter"):
        knobs_figure([])
