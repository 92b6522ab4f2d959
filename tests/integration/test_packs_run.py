"""`--pack` as its users run it: the results are those of trials that train alone, to the last bit."""

import json
import os

import psutil
import pytest
from support.resuming import epochs, finish, start, wait_for
from support.runs import events, sweep, table

from sweep.core.resources import PackedResources
from sweep.errors import InputError

FEW = (
    *("run", "--model", "vit_p_1mf", "--model", "vit_c_1mf", "--recipe", "tiny.toml"),
    *("--lr", "5", "--wd", ".05", "--n", "3", "--box-up", "1000"),
)


def test_bad_values_are_refused_by_one_message(tmp_path):
    (tmp_path / "own.py").write_text("def train(config):\n    yield 1\n")
    own = ("run", "--trainer", "own:train", "--epochs", "2", "--lr", "1", "--wd", "1", "--address", "none")
    done = sweep(tmp_path, *own, "--pack", "2")
    assert done.returncode == 2
    assert "--pack 2: a user-defined training function loads its own data" in done.stderr
    assert not list(tmp_path.glob("sweeps/*"))
    with pytest.raises(InputError, match="give one of them"):
        PackedResources(pack="2", gpus_per_trial=2)


def results(folder):
    """All that the journals say of each trial, but for times."""
    found = {}
    for path in folder.glob("sweeps/*/journal.jsonl"):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            told = {name: value for name, value in event.items() if name not in ("time_ms", "wall_s")}
            found.setdefault((path.parent.name, event["key"]), []).append(told)
    return found


@pytest.mark.system
def test_with_and_without_ray_packs_give_the_results_of_trials_alone(tmp_path):
    told = []
    for words in (("--address", "none"), ("--address", "none", "--pack", "3"), ("--pack", "64")):
        folder = tmp_path / str(len(told))
        folder.mkdir()
        done = sweep(folder, *FEW, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(results(folder))
    assert {events[-1]["state"] for events in told[0].values()} == {"finished", "diverged"}
    assert told[1] == told[0]
    assert told[2] == told[0]


@pytest.mark.system
def test_a_pack_that_loses_its_worker_resumes_whole(undisturbed, tmp_path):
    driver = start(tmp_path, "--pack", "2", "--cpus-per-trial", str(os.cpu_count()))
    wait_for(lambda: len(list(tmp_path.glob("sweeps/*/checkpoints/*.ckpt"))) == 2)
    told = events(tmp_path, "epoch")
    wait_for(lambda: events(tmp_path, "epoch") > told)
    children = psutil.Process(driver.pid).children(recursive=True)
    workers = [child for child in children if "ray::ResourceTrainable" in " ".join(child.cmdline())]
    assert len(workers) == 1, "both trials are in one"
    workers[0].kill()
    out = finish(driver)
    assert out.count("resumes from its checkpoint") == 2
    assert table(tmp_path).equals(table(undisturbed))
    assert epochs(tmp_path) == epochs(undisturbed)
