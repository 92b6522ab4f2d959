"""Searches by another metric than the top-1 error: which is best, what is saved of it, and who finds it."""

import dataclasses
import json
import math

import pytest
from rich.console import Console
from support.optima import ROW
from support.searches import PLAN

from search_spaces import SearchSpaceError, choose_found, read_found, to_csv, with_row
from sweep.console.search import as_json, print_summary, status_row
from sweep.core.costs import cost_of
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.driver.tune import _found
from sweep.recipes.loading import of_trainer
from sweep.recipes.metric import MetricSpec
from sweep.results.figures import search_figures
from sweep.tuning.finalists import finalists, outcomes, standard_error
from sweep.tuning.sampler import OptunaSampler
from sweep.tuning.tuner import Tuner
from sweep.workspace.search import Search
from sweep.workspace.search_run import SearchRun

F1 = MetricSpec(name="F1", higher_better=True, low=0.0, high=1.0)
LOSS = MetricSpec(name="val_loss", unit="nats")
BUDGET = SearchBudget(points=20, finalists=2, seeds=2)


def good(trial):
    """From 0 to 1, the better the nearer to lr 1e-3; what is far above diverges."""
    far = math.log10(trial.lr) + 3
    return None if far > 1.2 else math.exp(-far * far) - 1e-3 * trial.repeat


def searched(tmp_path, metric):
    plan = dataclasses.replace(PLAN, recipe=of_trainer("own:train", 2, metric))
    search = Search(tmp_path, plan)
    search.folder.mkdir()
    search.want(BUDGET)
    tuner = Tuner(search, BUDGET)
    while job := tuner.next_job():
        quality = good(job.trial)
        value = quality if quality is None or metric.higher_better else 3.0 - 2 * quality
        end(search, job.trial, metric, value, tuner)
    return search


def end(search, trial, metric, value, tuner):
    search.journal.append("start", trial.key, trial)
    result = {"metric": metric.name, "value": value}
    diverged = 2 if value is None else None
    epoch = EpochRecord(
        epoch=1, top1_err=None, val_loss=None, train_loss=None, lr=0.1, diverged_step=diverged, **result
    )
    state = TrialState.DIVERGED if value is None else TrialState.FINISHED
    record = TrialRecord(key=trial.key, state=state, epochs=1, diverged_step=diverged, **result)
    search.journal.append("epoch", trial.key, epoch)
    search.journal.append("end", trial.key, record)
    tuner.prunes(trial, [epoch])
    tuner.on_end(trial, record)


@pytest.mark.parametrize("metric", [F1, LOSS], ids=["F1", "val_loss"])
def test_the_best_by_the_metric_is_found_saved_and_told(tmp_path, metric):
    search = searched(tmp_path, metric)
    states = search.counts()
    assert states[TrialState.DIVERGED] > 1
    (best, second) = outcomes(search)
    assert 3e-4 < best.point.lr < 3e-3
    assert best.mean <= second.mean
    assert finalists(search, 1)[0].lr == best.point.lr
    found = _found(SearchRun(search=search, budget=BUDGET, splits=None, command=["sweep", "tune"]))
    assert found.metric == metric.name
    assert math.isnan(found.top1_err)
    assert found.value == pytest.approx(1 - 0.0015 if metric is F1 else 1.003, abs=0.05)
    table = tmp_path / "optima.csv"
    table.write_text(to_csv(with_row([ROW], found)))
    read = read_found(table)
    assert read[0].top1_err == ROW.top1_err
    assert dataclasses.replace(read[1], top1_err=0.0, metric="") == dataclasses.replace(
        found, top1_err=0.0, metric=""
    )
    console = Console(width=120, record=True)
    print_summary(search, found, table, [], console)
    said = " ".join(console.export_text().split())
    assert f"{metric.name} on minival, other seeds" in said
    assert f"{metric.name} {found.value:.4g} ± " in said
    assert "%" not in said
    assert json.loads(json.dumps(as_json(search, found)))["optimum"]["metric"] == metric.name
    assert status_row(search)["best"]["value"] == pytest.approx(found.value)
    drawn = [path.name for path in search_figures(search)]
    assert {"history.png", "map.png", "trials.csv"} <= set(drawn)


def test_an_optimum_by_another_metric_is_never_taken_for_one_by_the_error():
    own = dataclasses.replace(
        ROW, top1_err=math.nan, metric="F1", value=0.9, standard_error=0.01, lr=0.5, epochs=ROW.epochs
    )
    rows = with_row([ROW], own)
    assert len(rows) == 2

    def lr(metric):
        found = choose_found(rows, ROW.model, ROW.optimizer, ROW.recipe, data=None, epochs=25, metric=metric)
        return found and found.lr

    assert (lr(""), lr("F1"), lr("val_loss")) == (ROW.lr, 0.5, None)
    assert own.optimum.source.startswith("tune-x: F1 0.9 ± 0.01 on minival")
    assert "metric" not in to_csv([ROW])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"metric": "F1", "value": 0.9}, "top1_err must be nan beside F1"),
        ({"metric": "F1", "top1_err": math.nan}, "value must be a finite number"),
        ({"top1_err": math.nan}, "top1_err must be from 0 to 100"),
    ],
)
def test_a_row_with_a_result_of_neither_kind_is_refused(values, message):
    with pytest.raises(SearchSpaceError, match=message):
        dataclasses.replace(ROW, **values)


def test_a_diverged_trial_costs_the_worse_bound_or_more_than_anything():
    lost = TrialRecord(key="k", state=TrialState.DIVERGED, metric="m", epochs=1)
    failed = TrialRecord(key="k", state=TrialState.FAILED, error="gone")
    assert (cost_of(F1, lost), cost_of(LOSS, lost)) == (0.0, math.inf)
    assert (cost_of(F1, failed), cost_of(None, failed)) == (None, None)


def test_where_every_repeat_diverged_there_is_no_optimum(tmp_path):
    search = searched(tmp_path, LOSS)
    judged = [dataclasses.replace(each, errors=(math.inf, math.inf)) for each in outcomes(search)]
    assert judged[0].mean == math.inf
    kept = outcomes(search)
    assert standard_error([*judged, *kept], math.inf) == standard_error(kept, math.inf)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_trial_that_is_worse_than_the_others_is_pruned_by_its_cost(sign):
    sampler = OptunaSampler(0, 5, objective=float)
    for index in range(8):
        sampler.ask(index)
        for epoch in range(1, 6):
            sampler.report(index, epoch, sign * 5.0 - index / 10)
        sampler.tell(index, TrialState.FINISHED, sign * 5.0 - index / 10)
    sampler.ask(8)
    assert [sampler.report(8, epoch, sign * 5.0 + 2) for epoch in range(1, 4)] == [False, True, True]
    sampler.ask(9)
    assert not any(sampler.report(9, epoch, math.inf) for epoch in range(1, 6))
    sampler.tell(9, TrialState.DIVERGED, math.inf)
    assert len(sampler.ask(10)) == 2
