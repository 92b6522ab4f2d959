"""Joining a Ray cluster by its address: with its token, without it, with another, and one that has none."""

import os
import re

import pytest
from ray_head import ASKS, ASKS_NOT, Head
from support.runs import sweep

from sweep.core.resources import Resources
from sweep.errors import InputError
from sweep.orchestrate.cluster import cluster

pytestmark = pytest.mark.slow

TOKEN = ASKS["RAY_AUTH_TOKEN"]
TOY = """
def train(config):
    yield from [50.0 + config.lr] * config.epochs
"""
WORDS = ("run", "--trainer", "toy:train", "--epochs", "2", "--n", "2", "--lr", "1e-3", "--wd", "0.1")
REMEDY = "the variable RAY_AUTH_TOKEN, a file named by RAY_AUTH_TOKEN_PATH, or ~/.ray/auth_token"


@pytest.fixture(scope="module")
def closed():
    head = Head(ASKS)
    yield head
    head.stop()


@pytest.fixture(scope="module")
def open_to_all():
    head = Head(ASKS_NOT)
    yield head
    head.stop()


@pytest.fixture
def home(tmp_path):
    home = tmp_path / "home"
    (home / ".ray").mkdir(parents=True)
    return home


def give(home, head, **variables):
    """Sweep on a cluster from somebody's home; return the exit code and all that is printed."""
    (home.parent / "toy.py").write_text(TOY)
    env = {"HOME": str(home), "COLUMNS": "400"} | variables
    ran = sweep(home.parent, *WORDS, "--address", head.address, **env)
    printed = ran.stdout + ran.stderr
    assert TOKEN not in printed
    for log in home.parent.glob("sweeps/*/driver.log"):
        assert TOKEN not in log.read_text()
    assert not re.search(r"^\[|Traceback", printed, re.MULTILINE), "Ray writes to the terminal: " + printed
    return ran.returncode, printed


def in_variable(home):
    return {"RAY_AUTH_TOKEN": TOKEN}


def in_named_file(home):
    (home / "token").write_text(TOKEN)
    return {"RAY_AUTH_TOKEN_PATH": str(home / "token")}


def in_default_file(home):
    (home / ".ray" / "auth_token").write_text(TOKEN + "\n")
    return {}


def test_the_token_of_the_default_file_is_shown_without_being_asked_for(closed, home):
    """Each local sweep leaves that file, and a head that is started beside it asks for its token."""
    code, printed = give(home, closed, **in_default_file(home))
    assert code == 0, printed
    assert "7/7" in printed
    assert "asks for no token" not in printed


def test_no_token(closed, home):
    code, printed = give(home, closed)
    assert code == 2
    assert f"the Ray cluster at {closed.address} asks for a token, and there is none here." in printed
    assert f"Put the cluster's token into {REMEDY}." in printed


def test_a_cluster_without_a_token_is_warned_of(open_to_all, home):
    code, printed = give(home, open_to_all, **in_default_file(home))
    assert code == 0, printed
    assert f"the Ray cluster at {open_to_all.address} asks for no token: whoever reaches" in printed


@pytest.fixture
def join(home, monkeypatch):
    """Join a cluster from this process; the warnings are its attribute."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "PYTHONBREAKPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))

    def join(head, **variables):
        join.warnings = []
        with monkeypatch.context() as patched:
            for name, value in variables.items():
                patched.setenv(name, value)
            with cluster(Resources(address=head.address), home / "log", join.warnings.append):
                pass
        assert not {"RAY_AUTH_MODE", "PYTHONBREAKPOINT"} & os.environ.keys()

    return join


def test_one_process_joins_one_cluster_after_the_other(closed, open_to_all, home, join):
    """As a notebook may; Ray itself reads its settings once."""
    with pytest.raises(InputError, match="there is none here"):
        join(closed)
    join(open_to_all)
    assert len(join.warnings) == 1
    with pytest.raises(InputError, match=r"refuses the one from RAY_AUTH_TOKEN.*or ~/.ray/auth_token;"):
        join(closed, RAY_AUTH_TOKEN="another")
    for given in (in_variable, in_named_file, in_default_file):
        join(closed, **given(home))
        assert join.warnings == []
    join(open_to_all)
    assert len(join.warnings) == 1


def test_a_mode_that_forbids_to_show_the_token(closed, home, join):
    with pytest.raises(InputError, match="RAY_AUTH_MODE=disabled forbids to show one"):
        join(closed, RAY_AUTH_MODE="disabled", **in_variable(home))
    join(closed, RAY_AUTH_MODE="token", **in_variable(home))
