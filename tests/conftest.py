"""Fixtures that several test modules share."""

import dataclasses
import sys

import pytest


@pytest.fixture(scope="session")
def one_thread():
    """One torch thread, so that sums are taken in one order; for the modules that need torch."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def make_recipe():
    """A small recipe with every optional field at its default; keywords change it."""
    from sweep.recipe import Recipe

    base = Recipe(name="test", dataset="digits", max_px=16, epochs=2, batch=32, warmup_epochs=1)
    return lambda **changes: dataclasses.replace(base, **changes)


@pytest.fixture
def sweep(tmp_path, monkeypatch, capsys):
    """Call the command line in an empty folder; return (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    from sweep import cli

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sweep", *words])
        with pytest.raises(SystemExit) as exit_:
            cli.main()
        printed = capsys.readouterr()
        return exit_.value.code or 0, printed.out, printed.err

    return call
