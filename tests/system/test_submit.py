"""A sweep on a cluster that this machine is no part of: submitted, left alone, killed, resumed, fetched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from chaos_site import wait_until
from ray_head import ASKS, Head
from support.runs import environment

from sweep.remote.version import build

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
TOKEN = ASKS["RAY_AUTH_TOKEN"]
HELPER = "def slowly():\n    import time\n    time.sleep(0.4)\n"
OWN = """
import math
from helper import slowly

def train(config):
    for epoch in range(config.epochs):
        slowly()
        yield min(100.0, 3 * abs(math.log(config.lr / 1e-3)) + 5 / (epoch + 1) + config.seed % 7)
"""
RUN = (
    "run",
    "--trainer",
    "own:train",
    "--epochs",
    "2",
    "--n",
    "8",
    "--lr",
    "1e-3",
    "--wd",
    "0.1",
    "--seeds",
    "2",
)


class Laptop:
    """Somebody's machine: a home with a profile, and a folder to work in."""

    def __init__(self, folder: Path, head: Head, *, sweeps: Path) -> None:
        self.folder, self.head = folder / "work", head
        profile = folder / "home" / ".config" / "sweep" / "config.toml"
        profile.parent.mkdir(parents=True)
        self.folder.mkdir()
        (folder / "token").write_text(TOKEN)
        (folder / "token").chmod(0o600)
        profile.write_text(
            f'[cluster]\naddress = "{head.jobs}"\ntoken_file = "{folder}/token"\nfolder = "{sweeps}"\n'
        )
        (self.folder / "own.py").write_text(OWN)
        (self.folder / "helper.py").write_text(HELPER)
        self.home = folder / "home"

    def sweep(self, *words: str, **variables: str) -> tuple[int, str]:
        ran = subprocess.run(
            [sys.executable, "-m", "sweep", *words],
            cwd=self.folder,
            env=environment(HOME=str(self.home), PYTHONPATH=str(ROOT), COLUMNS="400") | variables,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        printed = ran.stdout + ran.stderr
        assert TOKEN not in printed
        assert "Traceback" not in printed, printed
        return ran.returncode, printed

    def table(self, name: str, folder: Path | None = None):
        import pandas as pd

        where = ("--dir", str(folder)) if folder else ("--dir", "fetched")
        code, printed = self.sweep("export", *where, "--out", f"{name}.parquet")
        assert code == 0, printed
        return pd.read_parquet(self.folder / f"{name}.parquet").drop(columns="wall_s")


@pytest.fixture(scope="module")
def head(tmp_path_factory):
    token = tmp_path_factory.mktemp("secret") / "token"
    token.write_text(TOKEN)
    variables = {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "PYTHONPATH": str(ROOT),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    head = Head(variables, dashboard=True)
    yield head
    head.stop()


@pytest.fixture
def laptop(head, tmp_path):
    return Laptop(tmp_path, head, sweeps=tmp_path / "volume" / "alice")


def journal(laptop) -> list[dict]:
    [path] = (laptop.folder.parent / "volume" / "alice").glob("*/journal.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]


def ended(laptop) -> list[str]:
    try:
        return [event["key"] for event in journal(laptop) if event["event"] == "end"]
    except ValueError:  # there is none yet
        return []


def test_a_sweep_survives_the_laptop_and_the_head_and_trains_nothing_twice(laptop, head):
    code, printed = laptop.sweep("submit", *RUN)  # and the laptop leaves
    assert code == 0, printed
    assert "Travels along: helper.py, own.py" in printed
    assert "10 of 10 trials to train" in printed
    assert wait_until(lambda: len(ended(laptop)) >= 3, 120), "it does not go on by itself"
    head.kill()
    before = ended(laptop)
    assert 3 <= len(before) < 10
    code, printed = laptop.sweep("logs")
    assert code == 2
    assert f"no Ray cluster answers at {head.jobs}: Connection refused" in printed

    head.start()
    code, printed = laptop.sweep("logs")
    assert code == 2
    assert "has no job of yours" in printed
    assert "The same `sweep submit` resumes it" in printed
    code, printed = laptop.sweep("submit", *RUN)
    assert code == 0, printed
    assert f"{10 - len(before)} of 10 trials to train" in printed
    code, printed = laptop.sweep("logs", "-f")
    assert code == 0, printed
    assert "10/10" in printed
    assert sorted(ended(laptop)) == sorted(set(ended(laptop))), "trained twice"
    assert len(ended(laptop)) == 10

    code, printed = laptop.sweep("fetch")
    assert code == 0, printed
    here = ("--dir", "here", "--address", "none")
    assert laptop.sweep(*RUN, *here, MLFLOW_TRACKING_URI=f"sqlite:///{laptop.folder}/m.db")[0] == 0
    assert laptop.table("there").equals(laptop.table("here", Path("here")))
    assert list(laptop.folder.glob("fetched/*/figures/edf.png"))


def test_the_token_is_nowhere_but_in_the_profile(laptop, head):
    code, printed = laptop.sweep("submit", *RUN)
    assert code == 0, printed
    assert "10 of 10 trials to train" in printed
    seen = 0
    for process in psutil.process_iter():
        try:
            if "sweep" in (words := " ".join(process.cmdline())) or "ray::" in words:
                seen += "run --trainer own:train" in words
                assert TOKEN not in words
                if "run --trainer own:train" in words:
                    assert TOKEN not in process.environ().values()
        except psutil.Error:
            continue
    assert seen, "the driver was not looked at"
    laptop.sweep("logs", "-f")
    held = [path for path in (laptop.folder.parent / "volume").rglob("*") if path.is_file()]
    assert [path for path in held if TOKEN.encode() in path.read_bytes()] == []
    assert held
    listed = laptop.sweep("status", "--remote", "--json")[1]
    assert json.loads(listed)[0]["status"] == "succeeded"


def test_stop_keeps_what_is_finished(laptop):
    slow = (*RUN[:-1], "30")
    code, printed = laptop.sweep("submit", *slow)
    assert code == 0, printed
    code, printed = laptop.sweep("submit", *slow)
    assert code == 0, printed
    assert "is running already" in printed
    assert wait_until(lambda: len(ended(laptop)) >= 1, 60)
    code, printed = laptop.sweep("stop")
    assert code == 0, printed
    assert "Every finished trial is kept" in printed
    done = len(ended(laptop))
    assert 1 <= done < 38
    assert "stopped" in laptop.sweep("status", "--remote")[1]
    code, printed = laptop.sweep("submit", *slow)
    assert "-2 is submitted" in printed
    assert f"{38 - done} of 38 trials to train" in printed
    assert printed.count("trials to train") == 1, "what the job before it printed is shown as if it were new"
    laptop.sweep("stop")


def test_a_recipe_travels(laptop):
    (laptop.folder / "recipes").mkdir()
    (laptop.folder / "recipes" / "tiny.toml").write_text(
        'dataset = "digits"\nmax_px = 16\nepochs = 1\nbatch = 32\nwarmup_epochs = 1\ntrain_subset = 64\n'
    )
    words = ("-m", "vit_p_1mf", "--recipe", "recipes/tiny.toml")
    code, printed = laptop.sweep(
        "submit", "run", *words, "--n", "1", "--seeds", "1", "--lr", ".005", "--wd", ".05"
    )
    assert code == 0, printed
    assert "Travels along: tiny.toml" in printed
    code, printed = laptop.sweep("logs", "-f")
    assert code == 0, printed
    assert "2/2" in printed


def test_a_study_s_figure_is_fetched(laptop):
    words = ("-m", "vit_p_1mf", "--optimizer", "adamw", "--epochs", "1", "--epochs", "2", "--seeds", "1")
    code, printed = laptop.sweep("submit", "study", "lengths", *words, "--out", "my/own.svg")
    assert code == 0, printed
    assert laptop.sweep("logs", "-f")[0] == 0
    assert laptop.sweep("fetch")[0] == 0
    assert "<svg" in (laptop.folder / "fetched" / "figures" / "own.svg").read_text()


@pytest.mark.parametrize(
    ("words", "variables", "says"),
    [
        (("submit", *RUN), {"RAY_AUTH_TOKEN": "wrong"}, "refuses the one from RAY_AUTH_TOKEN"),
        (
            ("logs", "nothing"),
            {},
            "has no job nothing: none was submitted, or Ray's head was restarted since",
        ),
        (("stop", "nothing"), {}, "has no job nothing"),
        (("fetch", "nothing"), {}, "the cluster has no sweep that begins with nothing"),
        (("submit", "run", "-m", "nonsense"), {}, "unknown model 'nonsense'"),
        (("submit", *RUN), {"SWEEP_CLUSTER_FOLDER": "/proc/x"}, "the cluster's head cannot write to /proc/x"),
    ],
)
def test_bad_input(laptop, words, variables, says):
    code, printed = laptop.sweep(*words, **variables)
    assert code == 2, printed
    assert says in printed


def test_no_token(laptop):
    profile = laptop.home / ".config" / "sweep" / "config.toml"
    profile.write_text("".join(line for line in profile.open() if "token" not in line))
    code, printed = laptop.sweep("submit", *RUN)
    assert code == 2
    assert "asks for a token, and there is none here. Put it into token in" in printed


def test_another_version_on_the_cluster(laptop, monkeypatch):
    """The client's version is changed; to the cluster that is the same as its own being another."""
    site = laptop.folder.parent / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import importlib.metadata as m\n"
        "real = m.version\n"
        "m.version = lambda name: '0.0.7' if name == 'robustness-sweep' else real(name)\n"
    )
    code, printed = laptop.sweep("submit", *RUN, PYTHONPATH=f"{site}:{ROOT}")
    assert code == 2, printed
    assert f"the cluster has robustness-sweep {build()}, and the command came from 0.0.7+" in printed


def test_a_refusal_names_the_command_that_is_given_here(laptop):
    code, printed = laptop.sweep("submit", "run", "-m", "resnet18")
    assert code == 2, printed
    assert "Find one: sweep submit tune --model resnet18" in printed
    assert "sweep tune" not in printed
