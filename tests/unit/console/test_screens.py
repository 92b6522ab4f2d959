"""What terminals of 80 and 120 columns show: nothing is cut, and nothing is too wide."""

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from support.journals import failed, finished
from support.optima import ROW
from support.plans import a_plan
from support.workspaces import create

from sweep.console.board import Board
from sweep.console.comparison import print_sweeps
from sweep.console.models import print_found, print_models
from sweep.console.progress import ProgressView, Tally
from sweep.console.status import print_status
from sweep.core.trial import TrialRecord, TrialState
from sweep.workspace.workspace import Workspace

SCREENS = Path(__file__).parents[2] / "data" / "screens"
TRIO = [a_plan(model=model, n=8, seeds=2) for model in ("vit_p_1mf", "vit_c_1mf", "regnety_1mf(depth=3)")]


def diverged(key):
    return TrialRecord(key=key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=100.0)


def ends():
    """Yield how trials of three sweeps have ended: all, some, none."""
    whole, part, _ = TRIO
    for i, trial in enumerate(whole.trials):
        yield trial, diverged(trial.key) if i == 9 else finished(trial.key, error=4.0 + 0.75 * i)
    for i, trial in enumerate(part.trials[:4]):
        yield trial, failed(trial.key) if i == 3 else finished(trial.key, error=2.0 + i)


def a_summary():
    row = {"recipe": "digits", "sweep": "s", "n": 64, "missing": 0, "diverged": 0, "seeds": 5}
    names = ("median", "within_1", "within_2", "within_4", "within_8", "area_8")
    estimates = {name: 0.125 * i for i, name in enumerate(names, 1)} | {"median": 12.25}
    for end, off in (("", 0), ("_low", -0.05), ("_high", 0.125)):
        row |= {name + end: value + off for name, value in estimates.items()}
    row |= {"optimum_err": 10.5, "seed_sd": 1.0}
    models = ("vit_p_1mf", "regnety_1mf(drop_path_rate=0.1)")
    return pd.DataFrame(
        [row | {"model": m, "optimizer": o} for m in models for o in ("adamw", "sgd")]
        + [row | {"model": "vit_c_1mf", "optimizer": "sgd", "n": 60, "diverged": 2, "missing": 4}]
    )


def status(console, tmp_path):
    workspace = Workspace(tmp_path)
    made = {plan.name: create(workspace, plan) for plan in TRIO}
    for trial, record in ends():
        (folder,) = (each for each in made.values() if trial in each.plan.trials)
        folder.journal.append("end", trial.key, record)
    print_status(workspace.all(), console, trials=False)
    print_status([made[TRIO[1].name]], console, trials=True)


def board(console, tmp_path):
    tally, shown = Tally([(t.model, 25) for plan in TRIO for t in plan.trials], parallel=2), Board(TRIO)
    view = ProgressView(tally, console, shown)
    for trial, record in ends():
        view.end(trial, record, 25)
    console.print(view.render(passed=75.0))


def models(console, tmp_path):
    row = {"family": "ViT_P", "size": "18GF", "flops": 17.58e9, "params": 86.6e6, "activations": 23.9e6}
    px = {"train_px": 224, "test_px": 224}
    optima = ["adamw/imagenet", "sgd/imagenet", "adamw/digits", "sgd/digits"]
    print_models([{"model": "vit_p_18gf", "optima": optima} | row | px], console)
    print_found([ROW], "sweeps/optima.csv", console)


def summary(console, tmp_path):
    print_sweeps(a_summary(), console)


@pytest.mark.parametrize("show", [status, board, models, summary], ids=lambda show: show.__name__)
@pytest.mark.parametrize("width", [80, 120])
def test_a_screen_is_as_it_was_looked_at(show, width, tmp_path):
    out = io.StringIO()
    show(Console(file=out, width=width, height=40, highlight=False), tmp_path)
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    assert "…" not in out.getvalue()
    assert lines == (SCREENS / f"{show.__name__}-{width}.txt").read_text().splitlines()
