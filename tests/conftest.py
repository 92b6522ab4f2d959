"""Fixtures that several test modules share."""

import dataclasses
import os
import re
import signal
import sys

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # no test fails because its machine is busy
settings.load_profile("untimed")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of a shell's background jobs: tests send it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Keep what is known of tests' images out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWEEP_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def one_thread():
    """One torch thread, so that sums are taken in one order; for the modules that need torch."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def make_recipe():
    """A small recipe with every optional field at its default; keywords change it."""
    from sweep.recipes.recipe import Recipe

    base = Recipe(name="test", dataset="digits", max_px=16, epochs=2, batch=32, warmup_epochs=1)
    return lambda **changes: dataclasses.replace(base, **changes)


@pytest.fixture
def make_folder(tmp_path):
    """Write PNGs of different sizes and brightness: {"train/cat": 5, …} → the folder."""

    def make(counts, name="data"):
        import numpy as np
        from PIL import Image

        rng = np.random.default_rng(7)
        for place, count in counts.items():
            (tmp_path / name / place).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 256, (*rng.integers(5, 14, 2), 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / name / place / f"{i:03}.png")
        return tmp_path / name

    return make


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """Call the command line in an empty folder; return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    from sweep.cli.main import main

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sweep", *words])
        with pytest.raises(SystemExit) as exit_:
            main()
        printed = capsys.readouterr()
        return exit_.value.code or 0, printed.out, printed.err

    return call


def contents(folder):
    """Every path under a folder with its bytes, or where it leads."""
    return {
        path: os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@pytest.fixture
def refused(sweep, tmp_path, monkeypatch):
    """Call the command line with bad input; see that it is refused as it should be, and return the message.

    One message, exit code 2, no traceback, nothing changed on disk, and neither Ray nor MLflow started.
    """

    def started(*_):
        pytest.fail("bad input got as far as Ray, MLflow or another program")

    from sweep.driver import run, sync, tune

    for module, name in ((run, "run"), (sync, "sync"), (tune, "run")):
        monkeypatch.setattr(module, name, started)
    monkeypatch.setattr(os, "execv", started)

    def call(*words: str) -> str:
        before = contents(tmp_path)
        sys.stderr.reconfigure(errors="backslashreplace")  # as Python's own is
        code, out, err = sweep(*words)
        message = " ".join(err.translate(dict.fromkeys(map(ord, "│╭╮╰╯─"), " ")).split())
        assert code == 2, message or out
        assert re.findall(r"^Error:|^╭─ Error ─", err, re.MULTILINE) in (["Error:"], ["╭─ Error ─"])
        assert "Traceback" not in out + err
        assert contents(tmp_path) == before
        return message

    return call


@pytest.fixture
def results(tmp_path):
    """Two sweeps with results, made without training."""
    from support.journals import finished
    from support.plans import a_plan
    from support.workspaces import create

    from sweep.workspace.workspace import Workspace

    for model, spread in (("vit_p_1mf", 3.0), ("vit_c_1mf", 0.5)):
        sweep = create(Workspace(tmp_path / "sweeps"), a_plan(model=model, n=8))
        for i, trial in enumerate(sweep.plan.trials):
            sweep.journal.append("end", trial.key, finished(trial.key, error=5.0 + i * spread))
    return tmp_path / "sweeps"


@pytest.fixture(scope="session")
def mlflow_database(tmp_path_factory):
    """A database of MLflow's, to be copied: its tables take seconds to create.

    It holds an experiment of somebody's, or a driver would wait until its creation is settled.
    """
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").create_experiment("of somebody")
    return path


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    from support.resuming import finish, start

    folder = tmp_path_factory.mktemp("undisturbed")
    out = finish(start(folder))
    assert "checkpoint" not in out
    assert not list(folder.glob("sweeps/*/checkpoints")), "removed with the trial's result"
    return folder
