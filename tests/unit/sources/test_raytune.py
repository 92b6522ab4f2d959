import json
import math
import os
import shutil

import pytest

from sweep.sources.formats import read
from sweep.sources.mapping import Mapping

TINY = """
from ray import init, tune

def train(config):
    if config["i"] == 2:
        raise RuntimeError("CUDA error")
    for epoch in range(3):
        lost = config["i"] == 1 and epoch == 2
        tune.report({"val_acc": float("nan") if lost else [0.5, 0.8, 0.7][epoch], "lr": 0.0})

init("local", num_cpus=1, include_dashboard=False, logging_level="ERROR")
lr = tune.sample_from(lambda config: 0.1 + config["i"])
space = {"i": tune.grid_search([0, 1, 2]), "lr": lr, "opt": {"wd": 0.05}}
tune.Tuner(
    train, param_space=space, run_config=tune.RunConfig(name="exp", storage_path=FOLDER, verbose=0)
).fit()
"""


@pytest.mark.slow
def test_the_folder_of_a_real_run_is_read(tmp_path, sweep):
    import subprocess
    import sys

    code = TINY.replace("FOLDER", repr(str(tmp_path / "ray_results")))
    # Without what our own use of Ray has set in this process: Tune's loggers are what is read here.
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=300, text=True, env=clean)
    assert ran.returncode == 0, ran.stderr
    got = read(
        [str(tmp_path / "ray_results/exp")], Mapping(constants={"model": "m"}, fraction=True, nan="diverged")
    )
    table = got.table.sort_values("lr", ignore_index=True)
    assert table["lr"].tolist() == [0.1, 1.1, 2.1]  # the config's, not what a trial reports as its last lr
    assert table["weight_decay"].tolist() == [0.05] * 3
    assert table["state"].tolist() == ["finished", "diverged", "failed"]
    assert table["top1_err"].fillna(-1).tolist() == pytest.approx([30.0, 100.0, -1])
    assert table["best_top1_err"].fillna(-1).tolist() == pytest.approx([20.0, 20.0, -1])
    assert table["epochs"].fillna(-1).tolist() == [3, 3, -1]
    assert "  best_top1_err  the lowest over a trial's epochs; top1_err is the last" in got.preview
    code, _, err = sweep("export", "--from", "ray_results", "--out", "o.csv")
    assert code == 2
    assert "Experiments in it: exp" in err


def a_folder(path, *, state=True):
    """Write what Ray Tune writes for four trials: one done, one running, one failed, one that never began."""
    trials = [
        ("a", "TERMINATED", [40.0, 30.0]),
        ("b", "RUNNING", [50.0]),
        ("c", "ERROR", [60.0]),
        ("d", "PENDING", []),
    ]
    packed = []
    for i, (name, status, errors) in enumerate(trials):
        config = {"lr": 0.1 * (i + 1)}
        packed.append(
            [json.dumps({"trial_id": name, "config": config, "status": status, "relative_logdir": name}), ""]
        )
        if status == "PENDING":
            continue
        (path / name).mkdir(parents=True)
        (path / name / "params.json").write_text(json.dumps(config))
        lines = [json.dumps({"err": e, "training_iteration": k + 1}) + "\n" for k, e in enumerate(errors)]
        (path / name / "result.json").write_text("".join(lines))
    (path / "c" / "error.txt").write_text("RuntimeError: CUDA error")
    if state:
        (path / "experiment_state-2026-01-01_00-00-00.json").write_text(json.dumps({"trial_data": packed}))
    return str(path)


MAPPING = Mapping(constants={"model": "m"})


def test_each_status_is_respected(tmp_path):
    table = read([a_folder(tmp_path / "exp")], MAPPING).table
    assert table["state"].tolist() == ["finished", "running", "failed", "planned"]
    assert table["top1_err"].fillna(-1).tolist() == [30.0, -1, -1, -1]
    assert table["lr"].tolist() == [0.1, 0.2, 0.1 * 3, 0.4]


def test_without_the_experiments_state_folders_are_trials(tmp_path):
    got = read([a_folder(tmp_path / "exp", state=False)], MAPPING)
    assert got.table["state"].tolist() == ["finished", "finished", "failed"]
    assert "no experiment_state-*.json" in "\n".join(got.preview)
    assert "from 1 to 2 epochs" in got.warnings[0]


def test_folders_that_the_experiments_state_does_not_list_are_shown(tmp_path):
    folder = a_folder(tmp_path / "exp")
    shutil.copytree(tmp_path / "exp/a", tmp_path / "exp/stray")
    got = read([folder], MAPPING)
    assert len(got.table) == 4
    assert "ignored: 1 folders of trials that experiment_state-*.json does not list, stray" in "\n".join(
        got.preview
    )


def test_a_last_line_that_is_cut_off_is_left_out_and_shown(tmp_path):
    folder = a_folder(tmp_path / "exp")
    with (tmp_path / "exp/a/result.json").open("a") as file:
        file.write('{"err": 2')
    got = read([folder], MAPPING)
    assert got.table["top1_err"][0] == 30.0
    assert "the last line of a/result.json is truncated and was ignored" in "\n".join(got.preview)


def test_damage_is_named(tmp_path, sweep):
    for name, text in (
        ("a/result.json", "{\n{}\n"),
        ("a/result.json", "[1]\n"),
    ):
        folder = a_folder(tmp_path / "exp")
        (tmp_path / "exp" / name).write_text(text)
        code, out, err = sweep("export", "--from", folder, "--set", "model=m", "--out", "o.csv")
        assert code == 2
        assert name in err
        assert "Traceback" not in out + err
        shutil.rmtree(folder)


def test_a_damaged_state_file_is_replaced_by_the_folders_and_named(tmp_path):
    folder = a_folder(tmp_path / "exp")
    next((tmp_path / "exp").glob("experiment_state*")).write_text("{")
    got = read([folder], MAPPING)
    assert got.table["state"].tolist() == ["finished", "finished", "failed"]
    assert "00-00-00.json cannot be read (JSONDecodeError" in "\n".join(got.preview)


def as_of_ray_24(path):
    """Rewrite a state file as Ray up to 2.4 wrote it, with each trial's last result."""
    (file,) = path.glob("experiment_state*")
    old = []
    for packed, _ in json.loads(file.read_text())["trial_data"]:
        trial = json.loads(packed)
        lines = path / trial["trial_id"] / "result.json"
        last = json.loads(lines.read_text().splitlines()[-1]) if lines.exists() else {}
        pickled = {"_type": "CLOUDPICKLE_FALLBACK", "value": "80049"}
        where = f"/home/a/ray_results/exp/{trial['trial_id']}"
        trial |= {"last_result": last | ({"obj": pickled} if last else {}), "logdir": where}
        del trial["relative_logdir"]
        old.append(json.dumps(trial))
    file.write_text(json.dumps({"checkpoints": old, "runner_data": {}, "stats": {}}))
    return str(path)


def test_the_state_of_ray_24_is_read_with_its_folders_and_without(tmp_path):
    a_folder(tmp_path / "exp")
    folder = as_of_ray_24(tmp_path / "exp")
    expected = (["finished", "running", "failed", "planned"], [30.0, -1, -1, -1])
    for _ in range(2):
        table = read([folder], MAPPING).table
        assert (table["state"].tolist(), table["top1_err"].fillna(-1).tolist()) == expected
        for name in "abc":  # the second time, only the state file is there
            shutil.rmtree(tmp_path / "exp" / name, ignore_errors=True)


def test_a_folder_that_was_started_again_says_which_runs_count(tmp_path):
    folder = a_folder(tmp_path / "exp")
    (first,) = (tmp_path / "exp").glob("experiment_state*")
    later = first.read_text().replace("RUNNING", "TERMINATED")
    (tmp_path / "exp/experiment_state-2026-01-02_00-00-00.json").write_text(later)
    got = read([folder], MAPPING)
    assert got.table["state"].tolist() == ["finished", "finished", "failed", "planned"]
    assert "started 2 times: all trials count, as the last state file" in "\n".join(got.preview)


def test_a_metric_that_was_nan_in_the_end_is_asked_about(tmp_path):
    folder = a_folder(tmp_path / "exp")
    (tmp_path / "exp/a/result.json").write_text('{"err": 3.0}\n{"err": NaN}\n')
    with pytest.raises(ValueError, match=r"1 of 4 trials have no finite err: 1 NaN \(row 1\)"):
        read([folder], MAPPING)
    (row, *_) = read([folder], Mapping(constants={"model": "m"}, nan="failed")).table.to_dict("records")
    assert row["state"] == "failed"
    assert math.isnan(row["best_top1_err"])
