import itertools
import os

import matplotlib
import numpy as np
import pandas as pd
import pytest
from support.analysed import by_metric, repeated, trials

from analysis import AnalysisError, Metric, curve_of, curves, read_sweeps, relative_sweeps
from analysis.figures import cdf_figure, render, save, scatter_figure

FAMILIES = ("ViT_P", "ViT_C", "RegNetY")


def many(panels=("1GF", "4GF"), optimizers=("adamw", "sgd"), **kwargs):
    keys = itertools.product(FAMILIES, panels, optimizers)
    errors = np.linspace(4.5, 30, 20)
    return pd.concat([trials(errors, family=f, panel=p, optimizer=o, **kwargs) for f, p, o in keys])


@pytest.fixture(scope="module")
def figure():
    return cdf_figure(curves(trials([5.0, 6.0, 9.0], diverged=1, missing=2)))


def test_the_axis_says_that_delta_is_relative():
    shown = relative_sweeps(read_sweeps(trials([5.0, 6.0, 9.0])))
    (axes,) = cdf_figure([curve_of(sweep, absolute=False) for sweep in shown]).axes
    assert axes.get_xlabel() == "Δ top-1 error to the optimum (% of it)"


def line_data(axes):
    return [np.column_stack(line.get_data()) for line in axes.lines if len(line.get_xdata()) > 2]


def test_a_curve_starts_at_0_on_the_left_and_ends_at_its_share_on_the_right(figure):
    (axes,) = figure.axes
    (points,) = line_data(axes)
    left, right = axes.get_xlim()
    np.testing.assert_allclose(points, [[left, 0], [0, 0.25], [1, 0.5], [4, 0.75], [right, 0.75]])
    assert axes.lines[-1].get_drawstyle() == "steps-post"


def test_the_legend_counts_all_that_is_not_drawn():
    table = trials([*np.linspace(5, 8, 30), 80.0], diverged=2, missing=3)
    (axes,) = cdf_figure(curves(table)).axes
    (text,) = (text.get_text().replace("\n", " ") for text in axes.get_legend().get_texts())
    assert text == "ViT_C, n = 33, 2 diverged, 1 beyond x = 5, incomplete: 3 of 36 missing"
    assert line_data(axes)[0][-1].tolist() == pytest.approx([axes.get_xlim()[1], 31 / 33])


def test_a_curve_is_drawn_to_its_end_in_a_strip_that_takes_little_room():
    (axes,) = cdf_figure(curves(trials([*np.linspace(5, 8, 30), 80.0]))).axes
    left, right = axes.get_xlim()
    fold = axes.get_xticks()[-2]
    assert (fold, right) == (5.0, 75.0)
    ends = axes.transData.transform([(x, 0) for x in (left, fold, right)])[:, 0]
    assert (ends[2] - ends[1]) / (ends[2] - ends[0]) == pytest.approx(0.16)
    (ordinary,) = cdf_figure(curves(trials(np.linspace(5, 8, 30)))).axes
    assert ordinary.get_xscale() == "linear"


def test_an_end_that_lies_a_little_further_is_on_an_ordinary_axis():
    (axes,) = cdf_figure(curves(trials(np.linspace(4.5, 30, 20)))).axes
    assert axes.get_xscale() == "linear"
    assert axes.get_xlim()[1] == 25
    assert "beyond" not in axes.get_legend().get_texts()[0].get_text()


@pytest.mark.parametrize(
    ("missing", "errors", "said"),
    [
        (0, [6.0, np.nan, np.nan], "incomplete: 2 of 4 at the optimum missing"),
        (3, [np.nan], "incomplete: 3 of 33 missing, 1 of 2 at the optimum missing"),
    ],
)
def test_legend_and_title_count_the_trials_missing_at_the_optimum(missing, errors, said):
    table = repeated(trials(np.linspace(5, 8, 30), missing=missing), errors)
    (axes,) = cdf_figure(curves(table)).axes
    assert axes.get_legend().get_texts()[0].get_text().replace("\n", " ") == f"ViT_C, n = 30, {said}"
    title = scatter_figure(table).axes[0].get_title(loc="left")
    assert title == f"ViT_C, 1MF, AdamW: n = 30, {said}"


def test_a_figure_has_a_cell_for_each_size_and_optimizer_and_one_legend_where_all_are_alike():
    figure = cdf_figure(curves(many()))
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "1GF, AdamW",
        "4GF, AdamW",
        "1GF, SGD",
        "4GF, SGD",
    ]
    assert [len(line_data(axes)) for axes in figure.axes] == [3, 3, 3, 3]
    assert len(figure.legends) == 1
    assert [axes.get_legend() for axes in figure.axes] == [None] * 4


def test_a_family_has_one_colour_everywhere():
    for row in cdf_figure(curves(many())).axes:
        assert [line.get_color() for line in row.lines[-3:]] == ["#D55E00", "#0072B2", "#009E73"]


@pytest.mark.parametrize(("panels", "width"), [(["1GF"], 3.3), (["1GF", "4GF", "18GF"], 6.9)])
def test_nothing_is_cut_off_or_smaller_than_7_points(panels, width):
    figure = cdf_figure(curves(many(panels=panels, diverged=12, missing=3)))
    render(figure, ".png")
    assert figure.get_figwidth() == width
    assert_nothing_is_cut(figure)
    assert min(type_sizes(figure)) >= 7


@pytest.mark.parametrize(("panels", "width"), [(["1GF"], 3.25), (["1GF", "4GF", "18GF"], 6.75)])
def test_in_a_paper_it_is_as_wide_as_a_column_or_a_page_and_has_8_points_throughout(panels, width):
    figure = cdf_figure(curves(many(panels=panels, diverged=12, missing=3)), style="paper")
    content = render(figure, ".pdf")
    assert b"/FontType 42" in content or b"/CIDFontType2" in content
    assert b"/Type3" not in content
    assert figure.get_figwidth() == width
    assert set(type_sizes(figure)) == {8.0}
    assert_nothing_is_cut(figure)


@pytest.mark.parametrize(("panels", "least_pt"), [(["1GF"], 11), (["1GF", "4GF", "18GF"], 10)])
def test_on_slides_it_is_a_whole_slide_with_large_type_and_thick_lines(panels, least_pt):
    table = many(panels=panels, diverged=12, missing=3)
    figure, ordinary = cdf_figure(curves(table), style="slides"), cdf_figure(curves(table))
    render(figure, ".png")
    assert figure.get_size_inches() == pytest.approx([13.333, 7.5], abs=0.001)
    assert min(type_sizes(figure)) > least_pt
    thick, thin = (each.axes[0].lines[-1] for each in (figure, ordinary))
    larger = min(type_sizes(figure)) / min(type_sizes(ordinary))
    assert thick.get_linewidth() == pytest.approx(1.25 * larger * thin.get_linewidth())
    assert_nothing_is_cut(figure)


def test_one_panel_on_a_slide_has_type_of_18_points_and_more():
    table = pd.concat([trials(np.linspace(4.5, 30, 20), family=family) for family in FAMILIES])
    assert min(type_sizes(cdf_figure(curves(table), style="slides"))) > 18


def test_another_style_is_refused():
    with pytest.raises(AnalysisError, match=r"`style` is one of paper, slides, got 'poster'"):
        cdf_figure(curves(trials([5.0])), style="poster")


def type_sizes(figure):
    texts = figure.findobj(matplotlib.text.Text)
    return [text.get_fontsize() for text in texts if text.get_text()]


def assert_nothing_is_cut(figure):
    box = figure.get_tightbbox()
    assert box.x0 > -0.01
    assert box.y0 > -0.01
    assert box.x1 < figure.get_figwidth() + 0.01
    assert box.y1 < figure.get_figheight() + 0.01


def test_legends_of_neighbours_do_not_overlap():
    different = many(panels=["1GF", "4GF", "18GF", "36GF"], optimizers=["sgd"], diverged=12, missing=3)
    figure = cdf_figure(curves(different[(different["panel"] != "1GF") | (different["index"] != 3)]))
    render(figure, ".png")
    boxes = [axes.get_legend().get_window_extent() for axes in figure.axes]
    assert all(a.x1 <= b.x0 for a, b in itertools.pairwise(boxes))


def test_curves_are_of_one_kind():
    with pytest.raises(AnalysisError, match="at least one curve"):
        cdf_figure([])
    table = trials([5.0])
    with pytest.raises(AnalysisError, match="got both"):
        cdf_figure([*curves(table), *curves(table, absolute=True)])


def test_absolute_figure_draws_no_step_at_100():
    (axes,) = cdf_figure(curves(trials([99.0, 99.9], diverged=2), absolute=True)).axes
    assert axes.get_xlim()[1] <= 100
    assert line_data(axes)[0][:, 1].max() == 0.5
    assert [line for line in axes.lines if len(line.get_xdata()) == 2] == [], "Δ = 0 is no place here"


def test_scatter_draws_every_trial_the_optimum_and_the_diverged():
    table = trials([5.0, 6.0, 9.0], diverged=2, missing=4)
    figure = scatter_figure(table)
    points = table[table["role"] == "point"]
    xs = [points["lr"], points["weight_decay"], points["lr"] * points["weight_decay"]]
    centres = [2e-3, 0.2, 4e-4]
    for axes, x, centre in zip(figure.axes, xs, centres, strict=True):
        lines = {line.get_marker(): line for line in axes.lines}
        np.testing.assert_allclose(lines["o"].get_xdata(), x[:3])
        np.testing.assert_allclose(lines["o"].get_ydata(), [5.0, 6.0, 9.0])
        np.testing.assert_allclose(lines["x"].get_xdata(), x[3:5])
        np.testing.assert_allclose(lines["*"].get_data(), [[centre], [5.0]])
        assert axes.lines[0].get_xdata()[0] == pytest.approx(centre), "the bar"
        assert axes.get_xscale() == "log"
    assert figure.axes[0].get_yticklabels()[-1].get_text() == "div."
    assert [axes.get_xlabel() for axes in figure.axes] == [
        "learning rate (lr)",
        "weight decay (wd)",
        "lr · wd",
    ]


def test_scatter_has_a_row_a_sweep_and_one_y_axis_a_size():
    figure = scatter_figure(pd.concat([many(), trials([80.0], family="Other", panel="4GF")]))
    grid = np.reshape(figure.axes, (13, 3))
    limits = {}
    for row in grid:
        panel = row[0].get_title(loc="left").split(", ")[1]
        limits.setdefault(panel, set()).add(row[0].get_ylim())
    assert {panel: len(seen) for panel, seen in limits.items()} == {"1GF": 1, "4GF": 1}
    assert limits["1GF"] != limits["4GF"]


def test_scatter_without_an_optimum_has_no_bar_and_no_star():
    table = trials([5.0, 6.0])
    for axes in scatter_figure(table[table["role"] == "point"]).axes:
        assert [line.get_marker() for line in axes.lines] == ["o"]


def test_scatter_draws_a_diverged_optimum_among_the_diverged():
    table = trials([5.0, 6.0])
    table.loc[table["role"] == "optimum", ["state", "top1_err"]] = ["diverged", 100.0]
    star = scatter_figure(table).axes[0].lines[-1]
    assert star.get_marker() == "*"
    assert star.get_ydata()[0] < 20


def test_scatter_draws_a_star_for_every_trial_at_the_optimum():
    table = repeated(trials([5.0, 6.0]), [1.0, np.nan, 100.0])
    axes = scatter_figure(table).axes[0]
    star = axes.lines[-1]
    assert star.get_marker() == "*"
    np.testing.assert_array_equal(star.get_xdata(), [2e-3] * 3)
    bottom, top = axes.get_ylim()
    assert star.get_ydata()[:2].tolist() == [5.0, 1.0]
    assert bottom < 1.0, "on the axis, though worse and better than every point"
    assert 6.0 < star.get_ydata()[2] < top < 20, "the diverged one is on their line"
    assert axes.get_yticklabels()[-1].get_text() == "div."


def test_zero_has_a_place_at_the_border_of_a_scatter():
    table = trials([5.0, 6.0, 7.0])
    table.loc[0, "weight_decay"] = 0.0
    _, axes, product = scatter_figure(table).axes
    assert axes.get_xscale() == product.get_xscale() == "symlog"
    left, right = axes.get_xlim()
    points = axes.lines[-2].get_xdata()
    assert left < 0.0 == min(points) < max(points) < right
    assert "0" in [label.get_text() for label in axes.get_xticklabels()]


@pytest.mark.parametrize("wrong", [-1.0, np.nan])
def test_scatter_needs_values_that_are_not_negative(wrong):
    table = trials([5.0])
    table.loc[0, "weight_decay"] = wrong
    with pytest.raises(AnalysisError, match=f"weight_decay must not be negative, got {wrong}"):
        scatter_figure(table)
    with pytest.raises(AnalysisError, match="lr missing"):
        scatter_figure(trials([5.0]).drop(columns="lr"))


def test_pdf_embeds_truetype_and_no_type_3(figure, tmp_path):
    content = save(figure, tmp_path / "fig.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    assert b"/CreationDate" not in content


def test_svg_and_png(figure, tmp_path):
    svg = save(figure, tmp_path / "fig.svg").read_text()
    assert "<text" not in svg, "letters are outlines, so no font is needed"
    assert "dc:date" not in svg
    png = save(figure, str(tmp_path / "FIG.PNG")).read_bytes()
    width = int.from_bytes(png[16:20], "big")
    assert width == 660, "3.3 in at 200 dpi"
    assert sorted(os.listdir(tmp_path)) == ["FIG.PNG", "fig.svg"]


@pytest.mark.parametrize("suffix", [".pdf", ".svg", ".png"])
def test_the_same_curves_give_the_same_bytes(suffix):
    table = trials([5.0, 6.0, 12.0], diverged=1)
    assert len({render(cdf_figure(curves(table)), suffix) for _ in range(2)}) == 1


@pytest.mark.parametrize(("name", "got"), [("fig.jpg", ".jpg"), ("fig", "no suffix")])
def test_other_suffixes_are_refused(figure, tmp_path, name, got):
    with pytest.raises(AnalysisError, match=rf"\.pdf, \.svg, \.png, got {got}"):
        save(figure, tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_written_leaves_nothing_behind(figure, tmp_path, monkeypatch):
    with pytest.raises(AnalysisError, match=r"cannot write .*No such file"):
        save(figure, tmp_path / "nowhere" / "fig.png")
    old = tmp_path / "fig.png"
    old.write_text("old")

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(AnalysisError, match="No space left"):
        save(figure, old)
    assert os.listdir(tmp_path) == ["fig.png"]
    assert old.read_text() == "old"


def test_global_settings_stay(tmp_path):
    before = dict(matplotlib.rcParams)
    save(scatter_figure(trials([5.0])), tmp_path / "fig.pdf")
    assert dict(matplotlib.rcParams) == before


F1 = Metric(name="F1", higher_better=True, low=0.0, high=1.0)


def of_f1(**kwargs):
    return by_metric(trials([5.0, 6.0, 9.0], **kwargs), F1, lambda errors: 1 - errors / 100)


def tick_labels(axis):
    axis.figure.canvas.draw()
    return [float(tick.get_text()) for tick in axis.get_ticklabels() if tick.get_text() not in ("", "div.")]


def test_another_metric_is_on_the_axes_by_its_name_and_better_values_are_left_and_below():
    table = of_f1(diverged=1)
    figure = cdf_figure(curves(table, absolute=True, any_metric=True))
    (axes,) = figure.axes
    assert axes.get_xlabel() == "F1, better to the left"
    assert axes.xaxis.get_major_formatter()(-0.95, None) == "0.95"
    (axes,) = cdf_figure(curves(table, any_metric=True)).axes
    assert axes.get_xlabel() == "F1 below the optimum's"
    figure = scatter_figure(table)
    assert figure._supylabel.get_text() == "F1, better below"
    labels = tick_labels(figure.axes[0].yaxis)
    assert labels == sorted(labels, reverse=True)
    assert all(0.8 < label <= 1 for label in labels)


def test_a_loss_has_its_unit_on_the_axis_and_two_metrics_are_not_drawn_together():
    loss = by_metric(trials([5.0, 6.0, 9.0]), Metric(name="val_loss", unit="nats"))
    (axes,) = cdf_figure(curves(loss, any_metric=True)).axes
    assert axes.get_xlabel() == "Δ val_loss to the optimum (nats)"
    both = [*curves(loss, any_metric=True), *curves(of_f1(), any_metric=True)]
    with pytest.raises(AnalysisError, match="curves have one metric, got several"):
        cdf_figure(both)
