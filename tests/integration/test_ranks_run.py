"""`sweep run` with several processes a trial: real Ray, over Gloo where a GPU would talk NCCL."""

import json
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from support.resuming import finish, wait_for
from support.runs import environment, sweep

from sweep.core.resources import CPU_RANKS_VARIABLE, Resources
from sweep.errors import InputError
from sweep.orchestrate.preflight import check_carried
from sweep.orchestrate.worker import EVERY_S_VARIABLE

RECIPE = """
dataset = "digits"
max_px = 16
epochs = 40
batch = 32
micro_batch = 16
warmup_epochs = 1
train_subset = 256
augment = ["shift"]
mixup_alpha = 0.2
ema_steps = 3
"""
WORDS = (
    *("run", "-m", "vit_c_1mf", "--recipe", "ranked.toml"),
    *("--lr", ".003", "--wd", ".05", "--n", "1", "--seeds", "1"),
)


def start(folder: Path, ranks: int) -> subprocess.Popen:
    (folder / "ranked.toml").write_text(RECIPE)
    return subprocess.Popen(
        [sys.executable, "-m", "sweep", *WORDS],
        cwd=folder,
        text=True,
        env=environment(**{EVERY_S_VARIABLE: "0", CPU_RANKS_VARIABLE: str(ranks)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def epochs(folder: Path) -> dict[tuple[str, int], dict]:
    (journal,) = folder.glob("sweeps/*/journal.jsonl")
    found = [json.loads(line) for line in journal.read_text().splitlines()]
    found = [event for event in found if event.pop("time_ms") and event.pop("event") == "epoch"]
    return {(event["key"], event["epoch"]): event for event in found}


def ranks_of(driver: subprocess.Popen) -> list[psutil.Process]:
    children = psutil.Process(driver.pid).children(recursive=True)
    return [child for child in children if "ray::_Rank" in " ".join(child.cmdline())]


@pytest.mark.system
def test_two_processes_a_trial_equal_one_and_survive_that_one_is_killed(tmp_path):
    folders = [tmp_path / name for name in ("alone", "together", "killed")]
    for folder in folders:
        folder.mkdir()
    alone, together, killed = folders
    finish(start(alone, 1))
    finish(start(together, 2))
    one, two = epochs(alone), epochs(together)
    assert len(one) == 2 * 40
    assert one.keys() == two.keys()
    for place in one:
        # a minibatch in two halves gives even the same bits: their gradients' sum is that of two terms
        assert two[place]["train_loss"] == pytest.approx(one[place]["train_loss"], rel=1e-3)

    driver = start(killed, 2)
    wait_for(
        lambda: len(list(killed.glob("sweeps/*/checkpoints/*.ckpt"))) == 2
    )  # both trials, whichever dies
    first = ranks_of(driver)
    first[1].kill()
    wait_for(lambda: sum(process.is_running() for process in first) <= len(first) - 2)  # its companion, too
    out = finish(driver)
    assert "resumes from its checkpoint" in out
    assert epochs(killed) == two, "to the last bit"
    assert not any(process.is_running() for process in first)
    for folder in folders:
        assert not list(folder.glob("sweeps/*/checkpoints"))
    (journal,) = killed.glob("sweeps/*/journal.jsonl")
    assert '"device": "2 × cpu (' in json.dumps(
        [json.loads(line) for line in journal.read_text().splitlines()], ensure_ascii=False
    )


@pytest.mark.system
def test_more_gpus_than_there_are_are_refused_before_anything_is_written(tmp_path):
    (tmp_path / "ranked.toml").write_text(RECIPE)
    ran = sweep(tmp_path, *WORDS, "--gpus-per-trial", "2")
    assert ran.returncode == 2, ran.stdout + ran.stderr
    assert "--gpus-per-trial 2: the cluster has" in ran.stderr
    assert not (tmp_path / "sweeps").exists()


def test_a_batch_that_does_not_divide_is_refused_before_ray_starts(sweep, tmp_path):
    (tmp_path / "ranked.toml").write_text(RECIPE)
    code, _, err = sweep(*WORDS, "--gpus-per-trial", "3")
    assert code == 2
    assert "--gpus-per-trial 3: recipe 'ranked' computes a minibatch of 32" in err
    assert "That works with 1, 2 GPUs, not with 3" in " ".join(err.split())
    assert not (tmp_path / "sweeps").exists()


@pytest.mark.parametrize(
    ("machines", "message"),
    [
        ([4.0, 2.0], "`gpus_per_trial` 8: the cluster has 6 GPUs, at most 4 on one machine"),
        ([4.0, 4.0], "`gpus_per_trial` 8: the cluster has 8 GPUs, at most 4 on one machine"),
        ([0.0], "`gpus_per_trial` 8: the cluster has 0 GPUs"),
    ],
)
def test_a_trial_never_runs_on_several_machines(machines, message):
    with pytest.raises(InputError) as refused:
        check_carried("GPU", 8, machines)
    assert str(refused.value) == message
    check_carried("GPU", 8, [2, 8])


def test_each_gpu_of_a_trial_has_a_process_and_its_readers(monkeypatch):
    assert Resources(gpus_per_trial=8, cpus_per_trial=32).ranks == 8
    assert Resources(gpus_per_trial=8, cpus_per_trial=32).loader_workers == 4
    assert Resources(gpus_per_trial=8, cpus_per_trial=8).loader_workers == 0
    assert Resources(gpus_per_trial=0.5, cpus_per_trial=4).loader_workers == 4
    assert Resources().ranks == 1
    monkeypatch.setenv(CPU_RANKS_VARIABLE, "2")
    assert Resources().ranks == 2
    assert Resources(gpus_per_trial=1).ranks == 1
