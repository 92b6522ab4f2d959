"""The page of trials with another metric: in its name, unit and direction; that of errors stays as it was."""

import html
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.analysed import by_metric, trials
from support.reports import several

from analysis.metric import Metric
from analysis.report import Extras, Progress, report_html

F1 = Metric(name="F1", higher_better=True, low=0.0, high=1.0)
LOSS = Metric(name="val_loss", unit="nats", low=0.0)
DEMO = Path(__file__).parents[4] / "docs" / "demo" / "trials.csv"


def f1(table: pd.DataFrame) -> pd.DataFrame:
    return by_metric(table, F1, lambda errors: 1 - errors / 100)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page)[1])


def words_of(page: str) -> str:
    """The page's text without its styles, scripts and tags."""
    bare = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare)))


def test_a_page_speaks_of_the_metric_in_its_own_direction():
    page = report_html(f1(several()))
    words = words_of(page)
    for said in (
        "Share of trials with at least this F1: the further left",
        "F1 against learning rate",
        "F1 at the optimum",
        "dark where the F1 is high",
        "What makes F1 differ",
        "Above 0, A has the higher F1",
        "The F1 at the model's optimum (the mean, where it was trained with several seeds) minus that of",
        "they count as F1 0.",
        "A diverged trial is a result with F1 0; planned",
        "Expected best F1 of k random points of the box, a diverged one at F1 0.",
    ):
        assert said in words, said
    assert re.search(r"F1 0\.9\d* at the optimum, 22 trials", words)
    assert "error" not in words.replace("Error distribution function", "")
    assert not re.search(r"\d points of (its|the) optimum", words)


def test_the_data_are_costs_with_the_metric_beside_them():
    ours, theirs = data_of(report_html(f1(several()))), data_of(report_html(several()))
    assert ours["metric"]["name"] == "F1"
    assert [ours["metric"][name] for name in ("higher", "least", "most")] == [True, -1.0, 0.0]
    assert "metric" not in theirs
    for mine, other in zip(ours["sweeps"], theirs["sweeps"], strict=True):
        known = [err for err in other["trials"]["err"] if err is not None]
        costs = [err for err in mine["trials"]["err"] if err is not None]
        assert costs == pytest.approx([err / 100 - 1 for err in known], abs=1e-5)
        tuned = [value / 100 - 1 for value in other["tuning"]["expected"]]
        assert mine["tuning"]["expected"] == pytest.approx(tuned, abs=1e-5)


def test_what_nothing_bounds_is_worse_than_everything_and_no_number():
    page = report_html(by_metric(several(), LOSS))
    words, data = words_of(page), data_of(page)
    assert "they count as worse than every val_loss." in words
    assert "A diverged trial is a result, worse than every val_loss; planned" in words
    assert "Median best val_loss of k random points of the box: half of all searches reach it" in words
    assert "nats of its optimum" in words
    assert "inf" not in words.split()
    assert "nan" not in words.split()
    for sweep in data["sweeps"]:
        trial = sweep["trials"]
        lost = [err for err, state in zip(trial["err"], trial["state"], strict=True) if state == "diverged"]
        assert lost == [None] * len(lost)
    assert data["metric"]["most"] is None


def test_learning_curves_are_costs_in_the_data_and_values_in_words():
    table = f1(trials([10.0, 20.0], optimum=5.0)).assign(key=["a", "b", "c"])
    curve = pd.DataFrame({"key": ["c", "c"], "epoch": [1, 2], "top1_err": [0.25, 0.95]})
    page = report_html(table, Extras(learning=curve))
    assert data_of(page)["learning"][0]["errors"] == [-0.25, -0.95]
    assert "optimum 0.25 after epoch 1, 0.95 after epoch 2" in words_of(page)


def test_before_the_first_result_the_metric_is_known_from_the_plan():
    table = f1(trials([10.0, 20.0], optimum=5.0)).assign(key=["a", "b", "c"], state="planned", value=np.nan)
    page = report_html(table, Extras(progress=Progress(changes="changes?layout=1")))
    assert data_of(page)["metric"]["name"] == "F1"


def test_the_page_of_errors_says_what_it_said():
    words = words_of(report_html(pd.read_csv(DEMO).assign(family="m", panel="1MF")))
    for said in (
        "within 4 points of its optimum",
        "% error at the optimum",
        "Share of trials within x points of the error at the model's own optimum: the higher at the left, "
        "the more robust. The dashed line is at 4 points, by which the models are ranked.",
        "Share of trials with at most this error: the further left and the higher, the better.",
        "dark where the error is low; × diverged. Drag over a map",
        "Each point's error. A model whose errors stay low far from the optimum is robust; × diverged.",
        "Expected lowest error of k random points of the box, a diverged one at 100 %. The curve",
        "error at the optimum, % seeds there best, % median, % within 1 within 2 within 4 within 8 area to 8",
        "median of A − B, points",
        "Below 0, A has the lower error; an area above 0",
        "Shares of the variance of the errors over the box",
        "What makes the errors differ",
        "A diverged trial is a result with 100 % error; planned",
        "error Top-1 error after the last epoch, in percent. A diverged trial counts as 100 %.",
        "Δ The error of a trial minus the error at the model's optimum (the mean, where it was trained with "
        "several seeds), in points.",
        "Under the EDF of Δ from 0 to 8 points, divided by 8: 1 if every trial",
    ):
        assert said in words, said
