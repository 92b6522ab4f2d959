import dataclasses
import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import api_stub

import analysis
import sweep as package
from sweep.cli import main  # noqa: F401 - its commands say which flags there are
from sweep.cli.typer_options import with_flags
from sweep.core.resources import PackedResources, Resources
from sweep.driver.keywords import takes_keywords
from sweep.errors import InputError
from sweep.planning.command_options import OutputOptions, Request, RunOutputOptions, TuneRequest
from sweep.results.selection import TrialOptions
from sweep.utils.option_groups import option, options_of

POINT = {"lr": 0.005, "wd": 0.05}


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, sweep\nheavy = {'numpy', 'torch', 'ray', 'mlflow', 'pandas', 'rich', 'typer'}\n"
    code += "print(sorted(heavy & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("function", "groups", "first"),
    [
        (package.run_sweep, (Request, PackedResources, RunOutputOptions), "models"),
        (package.find_optimum, (TuneRequest, Resources, OutputOptions), "model"),
        (package.read_trials, (TrialOptions,), "folder"),
    ],
)
def test_functions_have_the_options_and_defaults_of_the_commands(function, groups, first):
    parameters = {n: p for n, p in inspect.signature(function).parameters.items() if n != "observer"}
    defaults = {f.name: f.default for g in groups for f in dataclasses.fields(g) if f.name in options_of(g)}
    assert {name: p.default for name, p in parameters.items()} == defaults
    assert next(iter(parameters)) == first
    for name in defaults:
        assert f"\n    {name} : " in function.__doc__
    assert "{options}" not in function.__doc__
    assert "Examples\n    --------" in function.__doc__


def test_the_stub_for_type_checkers_has_the_options():
    assert api_stub.FILE.read_text() == api_stub.stub(), "write it again: make stub"


RIGHT = """
import pathlib, sweep
result: sweep.SweepResult = sweep.run_sweep("resnet18", n=3, pack=2, data=pathlib.Path("x"), repeat=[1])
search: sweep.SearchResult = sweep.find_optimum("resnet18", n_trials=3, folder="sweeps")
sweep.run_sweep(models=["resnet18"], n=None, observer=lambda event: None)
sweep.read_trials(source="results.csv", optimum=["lr=1e-3,wd=0.1"])
"""
WRONG = [
    'sweep.run_sweep(models="resnet18", n=3, nonsense=1)',
    'sweep.run_sweep(models="resnet18", n="3")',
    'sweep.run_sweep("resnet18", 3)',
    'sweep.find_optimum(models="resnet18")',
    "sweep.read_trials(1)",
]


@pytest.mark.slow
def test_mypy_tells_right_keywords_from_wrong_ones(tmp_path):
    (tmp_path / "example.py").write_text(RIGHT + "\n".join(WRONG))
    words = ["mypy", "--strict", "--config-file=", "--follow-imports=skip", "--cache-dir", tmp_path / "cache"]
    files = [tmp_path / "example.py", api_stub.FILE]
    checked = subprocess.run([sys.executable, "-m", *words, *files], capture_output=True, text=True)
    before = RIGHT.count("\n")
    lines = {int(line.split(":")[1]) for line in checked.stdout.splitlines() if "error:" in line}
    assert lines == {before + i + 1 for i in range(len(WRONG))}, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "changes",
    [
        {"models": "vit_p_1mff"},
        {"models": [], "n": 0, "optimizer": "adam"},
        {"models": "vit_p_1mf", "seeds": 0, "lr": 0.1},
        {"models": "vit_p_1mf", "recipe": "folder", "data": "nowhere"},
        {"models": "vit_p_1mf", "address": "ray://head:1"},
        {"models": "vit_p_1mf", "gpus_per_trial": 1.5},
        {"models": "vit_p_1mf", "pack": 0},
        {"models": "vit_p_1mf", "pack": "2", "gpus_per_trial": 2},
    ],
)
def test_what_is_refused_on_the_command_line_is_refused_by_the_same_message(changes, sweep, tmp_path):
    with pytest.raises(InputError) as error:
        package.run_sweep(**changes)
    given = {"models": [], **changes}
    models = [given["models"]] if isinstance(given["models"], str) else given["models"]
    words = [word for model in models for word in ("--model", model)]
    words += [f"--{name.replace('_', '-')}={value}" for name, value in changes.items() if name != "models"]
    code, _, err = sweep("run", *words)
    assert code == 2
    assert err == f"Error: {with_flags(str(error.value))}\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n": "64"}, "`n` takes a whole number, got '64'"),
        ({"n": 6.5}, "`n` takes a whole number, got 6.5"),
        ({"seeds": True}, "`seeds` takes a whole number, got True"),
        ({"models": [3]}, "`models` takes text, got 3"),
        ({"skip_corrupt": 1}, "`skip_corrupt` takes True or False, got 1"),
        ({"folder": 3}, "`folder` takes a path, got 3"),
        ({"lr": "0.1"}, "`lr` takes a number, got '0.1'"),
    ],
)
def test_a_value_of_another_type_is_refused(changes, message):
    with pytest.raises(InputError, match=message):
        package.run_sweep(**({"models": "vit_p_1mf"} | changes))


def test_an_unknown_argument_is_pythons_error():
    with pytest.raises(TypeError, match="points"):
        package.run_sweep("vit_p_1mf", points=3)


def test_values_become_what_the_command_line_makes_of_them():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Group:
        several: tuple[int, ...] = ()
        rate: float = option(0.5, "How much, see --where.")
        where: Path | None = option(None, "A place.")
        most: str = option("1", "A number, or a word.", number=True)

    @takes_keywords(first="rate")
    def function(group: Group, *, other: int = 1):
        """Do it.

        {options}
        """
        return group, other

    assert function(np.float64(2), where="x", other=3) == (Group(rate=2.0, where=Path("x")), 3)
    assert type(function(np.int64(2))[0].rate) is float
    assert function() == (Group(), 1)
    assert function(most=3)[0].most == function(most="3")[0].most == "3"
    assert "rate : float, default 0.5\n        How much, see ``where``." in function.__doc__


def test_a_dry_run_trains_and_writes_nothing(tmp_path):
    result = package.run_sweep("vit_p_1mf", n=2, seeds=2, folder=tmp_path / "sweeps", dry_run=True, **POINT)
    assert [trial.role for trial in result.missing] == ["optimum", "optimum", "point", "point"]
    assert len(result.trials) == 4
    search = package.find_optimum("vit_p_1mf", folder=tmp_path / "sweeps", dry_run=True)
    assert (search.optimum, search.failed, len(search.trials)) == (None, (), 0)
    assert list(tmp_path.iterdir()) == []


def test_trials_are_read_as_export_writes_them(sweep, results, tmp_path):
    import pandas as pd

    assert sweep("export", "--out", "t.parquet", "--model", "vit_p_1mf")[0] == 0
    read = package.read_trials(results, model="vit_p_1mf")
    written = pd.read_parquet(tmp_path / "t.parquet")
    pd.testing.assert_frame_equal(read[written.columns], written)
    assert [each.model for each in analysis.read_sweeps(read)] == ["vit_p_1mf"]
    again = package.read_trials(source=tmp_path.joinpath("t.parquet").as_posix())
    assert again["key"].tolist() == read["key"].tolist()
    with pytest.raises(InputError, match="no sweep to show: `model` nothing leaves none of"):
        package.read_trials(results, model=["nothing"])
    with pytest.raises(InputError, match=r"^`nan` tells what the trials of `source` are"):
        package.read_trials(results, nan="diverged")
