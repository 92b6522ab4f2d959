"""`sweep run` and `sweep tune` go on with a trial in the middle of its training: real processes, killed."""

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from support.resuming import WORDS, epochs, finish, start, wait_for
from support.runs import events, table

from sweep.checkpoints.folder import FolderLocation
from sweep.core.resources import Resources
from sweep.core.trial import TrialState
from sweep.driver.checkpoint_cleanup import Checkpoints
from sweep.errors import InputError
from sweep.training import checkpoint

SEARCH = (
    "tune",
    "-m",
    "vit_c_1mf",
    "--recipe",
    "long.toml",
    "--n-trials",
    "2",
    "--finalists",
    "1",
    "--seeds",
    "2",
    "--epochs",
    "30",
)


def checkpoints(folder: Path) -> list[Path]:
    return list(folder.glob("sweeps/*/checkpoints/*.ckpt"))


def killed_twice(folder: Path, command: Sequence[str]) -> None:
    """Kill the driver while both trials are under way, and a worker of the next one."""
    driver = start(folder, command=command)
    wait_for(lambda: len(checkpoints(folder)) == 2)  # both trials have one
    driver.kill()
    driver.wait()
    again = start(folder, command=command)
    told = events(folder, "epoch")
    wait_for(lambda: events(folder, "epoch") > told)  # so it has said where it goes on
    children = psutil.Process(again.pid).children(recursive=True)
    next(child for child in children if "ray::ResourceTrainable" in " ".join(child.cmdline())).kill()
    out = finish(again)
    assert out.count("resumes from its checkpoint") >= 2
    assert not list(folder.glob("sweeps/*/checkpoints"))


@pytest.mark.system
def test_a_killed_driver_and_a_killed_worker_cost_no_epoch(undisturbed, tmp_path):
    killed_twice(tmp_path, WORDS)
    assert table(tmp_path).equals(table(undisturbed))
    assert epochs(tmp_path) == epochs(undisturbed)


def kill_with_workers(driver: subprocess.Popen) -> None:
    """Kill a driver and all that it has started: a worker left over would write one more checkpoint."""
    processes = [psutil.Process(driver.pid), *psutil.Process(driver.pid).children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    driver.wait()
    psutil.wait_procs(processes, timeout=60)


def starting_worker(driver: subprocess.Popen) -> psutil.Process | None:
    """Ray's first worker, before it has said to Ray that it is there."""
    for child in psutil.Process(driver.pid).children(recursive=True):
        with suppress(psutil.Error):
            line = child.cmdline()
            if line and "python" in line[0] and any(word.endswith("default_worker.py") for word in line):
                return child
    return None


@pytest.mark.system
def test_a_worker_that_is_killed_while_ray_starts_does_not_hang_the_run(undisturbed, tmp_path):
    driver = start(tmp_path)
    wait_for(lambda: starting_worker(driver))
    starting_worker(driver).kill()
    finish(driver)  # Ray's own driver would wait for it for ever
    assert table(tmp_path).equals(table(undisturbed))


def tried(folder: Path) -> pd.DataFrame:
    """What a search has tried, in whatever order its trials ended."""
    (path,) = folder.glob("sweeps/tune-*/trials.csv")
    return pd.read_csv(path).drop(columns="wall_s").sort_values("key", ignore_index=True)


@pytest.mark.system
def test_a_search_that_is_killed_twice_finds_what_an_undisturbed_one_finds(tmp_path):
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for folder in (undisturbed, killed):
        folder.mkdir()
    assert "checkpoint" not in finish(start(undisturbed, command=SEARCH))
    killed_twice(killed, SEARCH)
    assert len(tried(killed)) == 4
    assert tried(killed).equals(tried(undisturbed))
    assert epochs(killed, 4 * 30) == epochs(undisturbed, 4 * 30)


def cut_short(path: Path, mark: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def bring_code(path: Path, mark: Path) -> None:
    """Replace the state by what makes a folder when it is unpickled; the digest is the right one."""

    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(mark),))

    with path.open("rb") as file:
        contents = checkpoint._read(file)
    with path.open("wb") as file:
        checkpoint._write(contents | {"state": Evil()}, file)


@pytest.mark.system
@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (cut_short, "is not used: it was truncated, or changed after it was written"),
        (bring_code, "is not used: Weights only load failed"),
    ],
)
def test_a_changed_checkpoint_is_said_and_changes_no_result(tamper, says, undisturbed, tmp_path):
    storage = tmp_path / "shared"
    storage.mkdir()
    driver = start(tmp_path, "--storage", str(storage))
    wait_for(lambda: list(storage.glob("*/*.ckpt")))
    kill_with_workers(driver)
    for path in storage.glob("*/*.ckpt"):
        tamper(path, tmp_path / "run")
    out = finish(start(tmp_path, "--storage", str(storage)))
    assert says in out
    assert table(tmp_path).equals(table(undisturbed))
    assert list(storage.iterdir()) == []
    assert not (tmp_path / "run").exists()


# ---- where they lie


class Planned:
    """What `Checkpoints` asks of a sweep or a search."""

    name = "s"

    def __init__(self, folder, states=()):
        self.folder, self._states = folder, dict(states)

    def states(self):
        return self._states


def test_by_default_they_are_in_the_sweeps_folder_or_nowhere(tmp_path):
    sweep = Planned(tmp_path)
    assert Checkpoints(sweep, Resources()).location == FolderLocation(tmp_path / "checkpoints")
    assert Checkpoints(sweep, Resources(address="auto")).location is None
    shared = Resources(address="auto", storage=str(tmp_path))
    assert Checkpoints(sweep, shared).location == FolderLocation(tmp_path / "s")


def test_storage_must_be_there(tmp_path):
    with pytest.raises(
        InputError, match=r"`storage` .*nowhere: not a folder\. It takes one that all machines"
    ):
        Resources(storage=str(tmp_path / "nowhere"))


def test_a_trials_checkpoint_goes_with_its_result_and_the_folder_with_the_last(tmp_path):
    sweep = Planned(tmp_path, {"a": TrialState.FINISHED, "b": TrialState.RUNNING, "c": TrialState.PRUNED})
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in ("a.ckpt", ".a.ckpt.host.1", "a.ckpt.older", "b.ckpt", ".b.ckpt.host.2"):
        (folder / name).touch()
    for name in ("c.ckpt", "d.ckpt"):  # of training functions of a user's own
        (folder / name).mkdir()
    (folder / "c.ckpt" / "state").touch()
    with Checkpoints(sweep, Resources()) as kept:
        assert sorted(path.name for path in folder.iterdir()) == [".b.ckpt.host.2", "b.ckpt", "d.ckpt"]
    assert sorted(path.name for path in folder.iterdir()) == [".b.ckpt.host.2", "b.ckpt"]
    sweep._states["b"] = TrialState.FINISHED
    with kept:
        kept.discard("b")
        kept.discard("another")
    assert not folder.exists()
