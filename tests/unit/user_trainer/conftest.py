"""Fixtures of the tests of user-defined training functions."""

import sys
from textwrap import dedent

import pytest

from sweep.user_trainer import loading as trainers


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module into the current folder; forget it afterwards."""
    monkeypatch.chdir(tmp_path)

    def forget() -> None:
        trainers.load.cache_clear()
        for path in tmp_path.glob("*.py"):
            sys.modules.pop(path.stem, None)

    def module(text: str, name: str = "own") -> str:
        forget()
        (tmp_path / f"{name}.py").write_text(dedent(text))
        return f"{name}:train"

    yield module
    forget()
