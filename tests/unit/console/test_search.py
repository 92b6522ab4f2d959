"""Searches in `sweep status`, `sweep status --check` and `sweep sync`, with a real MLflow."""

import dataclasses
import json
import re
import shutil

import pytest
from mlflow import MlflowClient
from support.optima import ROW
from support.searches import PLAN, end

from search_spaces import to_csv
from sweep.core.search_plan import SearchBudget
from sweep.core.trial import TrialState
from sweep.workspace.search import Search


@pytest.fixture(autouse=True)
def address(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")


@pytest.fixture
def search(tmp_path):
    """A search of three points, the best two of which are to be tried with two other seeds."""
    made = Search(tmp_path / "sweeps", PLAN)
    with made.driving():
        made.write_plan()
    made.want(SearchBudget(points=3, finalists=2, seeds=2))
    return made


def points(search, errors):
    found = [PLAN.point(i, 0.2 + 0.2 * i, 0.5) for i in range(len(errors))]
    for point, error in zip(found, errors, strict=True):
        state = TrialState.PRUNED if error > 50 else TrialState.FINISHED
        end(search, point, error, state=state)
    return found


def row(sweep) -> dict:
    (said,) = json.loads(sweep("status", "--json")[1])
    return said


def test_a_search_that_goes_on_is_shown_with_its_driver_and_its_best_so_far(search, sweep):
    assert ": 7 to come" in sweep("status")[1]
    points(search, [9.0, 60.0])
    with search.driving():
        out = sweep("status")[1]
        assert "2/7" in out
        assert f"{search.name}: 1 pruned, 5 to come; best so far on minival: lr 0.000398, wd 0.0316; " in out
        assert "being run by process" in out
        said = row(sweep)
    assert (said["kind"], said["left"], said["complete"]) == ("search", 5, False)
    assert "process" in said["driver"]
    assert row(sweep)["driver"] is None
    best = {"point": 0, "lr": pytest.approx(10**-3.4), "weight_decay": pytest.approx(10**-1.5)}
    assert said["best"] == best | {"top1_err": 9.0, "seeds": 1}


def test_a_search_at_its_end_is_shown_with_the_best_mean_and_not_the_luckiest_point(search, sweep):
    lucky, good, _ = points(search, [3.0, 4.0, 8.0])
    for repeat, (one, other) in enumerate([(9.0, 4.0), (7.0, 5.0)], 1):
        end(search, PLAN.finalist(lucky, repeat), one)
        end(search, PLAN.finalist(good, repeat), other)
    out = sweep("status")[1]
    assert re.search(r"7/7 +– +4\.50\n", out)
    assert f"{search.name}: best on minival, mean of 2 seeds: lr 0.00158, wd 0.0316\n" in out
    said = row(sweep)
    assert (said["left"], said["complete"], said["best"]["point"]) == (0, True, 1)
    search.want(SearchBudget(points=5, finalists=2, seeds=2))
    assert (row(sweep)["left"], row(sweep)["best"]["top1_err"]) == (6, 3.0)
    (search.folder / "wanted.json").unlink()  # of an earlier version
    assert (row(sweep)["left"], row(sweep)["complete"], row(sweep)["best"]["point"]) == (None, False, 1)


def test_one_search_is_shown_with_its_trials(search, sweep):
    points(search, [9.0, 60.0])
    code, out, _ = sweep("status", "tune-vit")
    assert (code, out.count("  finished  "), out.count("  pruned  ")) == (0, 1, 1)
    (said,) = json.loads(sweep("status", "tune-vit", "--json")[1])
    assert [trial["top1_err"] for trial in said["trials"]] == [9.0, 60.0]


def test_what_mlflow_missed_of_a_search_is_said_and_sent_with_its_optimum(
    search, sweep, tmp_path, mlflow_database
):
    found = points(search, [9.0, 60.0])
    saved = dataclasses.replace(ROW, search=search.name, lr=0.123, model="other")
    (tmp_path / "sweeps" / "optima.csv").write_text(to_csv([ROW, saved]))
    code, out, _ = sweep("status", "--check")
    assert code == 1
    assert f"point-000 ({found[0].key}): no run in MLflow" in out
    assert not (tmp_path / "mlflow.db").exists()
    shutil.copy(mlflow_database, tmp_path)
    code, out, _ = sweep("sync")
    assert (code, f"MLflow has all of {search.name}" in out) == (0, True)
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("tune-digits")
    runs = {run.data.tags["sweep.key"]: run for run in client.search_runs([experiment.experiment_id])}
    assert runs.keys() == {search.name, *(point.key for point in found)}
    assert runs[found[1].key].info.status == "KILLED"
    assert runs[search.name].data.tags["sweep.optimum_lr"] == "0.123"
    assert client.get_experiment_by_name("sweep-digits") is None
    assert sweep("status", "--check")[0] == 0
    client.delete_run(runs[found[0].key].info.run_id)
    assert sweep("status", "tune", "--check")[0] == 1
    assert sweep("sync", "tune")[0] == 0
    assert sweep("status", "tune", "--check")[0] == 0


def test_a_search_with_a_driver_is_left_to_it(search, sweep):
    points(search, [9.0])
    with search.driving():
        assert json.loads(sweep("status", "--check", "--json")[1]) == {search.name: []}
        assert "Nothing here to send" in sweep("sync")[1]
        code, _, err = sweep("sync", "tune")
        assert (code, "is being run already" in err) == (2, True)


def test_a_damaged_search_is_named(search, sweep):
    points(search, [9.0])
    with search.journal.path.open("a") as file:
        file.write("nonsense\n")
    assert "line 4 is damaged" in sweep("status", "--check")[1]
    assert "`sweep tune …`" in sweep("status")[2]
    search.plan_file.write_text("{")
    assert "is not a search, or damaged" in sweep("status", "--check")[1]
    assert sweep("sync")[0] == 2
