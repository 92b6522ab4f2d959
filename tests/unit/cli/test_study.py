"""`sweep study` in one process: what is refused, what it would cost, and what is drawn without training."""

import dataclasses
import shlex

import pytest
from support.journals import failed, finished
from support.optima import ROW
from support.workspaces import create
from typer.main import get_command

from search_spaces import to_csv
from sweep.cli.main import app
from sweep.core.trial import Role, TrialRecord, TrialState
from sweep.planning.plans import plan_together
from sweep.planning.studies import KINDS, Study, requests_of
from sweep.workspace.workspace import Workspace

STUDIES = list(get_command(app).get_command(None, "study").commands)


def test_the_four_studies_are_there():
    assert tuple(STUDIES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_every_study_has_help_with_an_example(kind, sweep):
    code, out, _ = sweep("study", kind, "--help")
    assert code == 0
    assert f"sweep study {kind}" in out.split("Example:")[1]


BAD = [
    ("lengths --size 2mf", "Did you mean 5mf or 1mf"),
    ("peak --size 1mf --size ''", "unknown size ''"),
    ("lengths --epochs 3", "at least two lengths"),
    ("lengths --epochs 0 --epochs 1", "epochs must be at least 1, got 0"),
    ("lengths --optimizer sgd --optimizer adamw", "takes one --optimizer"),
    ("peak --optimizer adam", "Did you mean adamw"),
    ("hyperparameters --epochs 1 --epochs 2", "takes one --epochs"),
    ("hyperparameters --n 0", "n must be at least 1"),
    ("hyperparameters --design grid --n 60", "use 49 or 64"),
    ("hyperparameters --box big", "unknown box 'big'"),
    ("hyperparameters --box paper", "--box paper is the paper's"),
    ("optimizers --n 4", "No such option"),
    ("lengths --skip-corrupt", "--skip-corrupt is for folders of images"),
    ("lengths --verify-data", "--verify-data is for folders of images"),
    ("optimizers --seeds 0", "--seeds takes a number from 1"),
    ("lengths --seed -1", "seed must not be negative"),
    ("optimizers --size 1gf --epochs 1", "no optimum is known for vit_p_1gf with sgd on digits"),
    ("lengths --model vit_q", "unknown model 'vit_q'"),
    ("lengths --recipe digit", "Did you mean digits"),
    ("lengths --recipe folder", "no optimum is known"),
    ("lengths --data .", "brings its own data"),
    ("lengths --out fig.jpg", "the suffix must be one of .pdf, .svg, .png, got '.jpg'"),
    ("lengths --out nowhere/fig.pdf", "there is no folder nowhere"),
    ("lengths --dir a_file", "not a folder"),
    ("peak --published", "results on ImageNet, got the recipe digits"),
    ("peak --limit -1", "greater than or equal"),
    ("peak --limit nan", "greater than or equal"),
    ("lengths --draw-only", "nothing of this study is trained in sweeps/"),
    ("lengths --address ray://x:1", "--address auto"),
    ("lengths --cpus-per-trial 1.5", "a share of one"),
    ("depths", "No such command 'depths'"),
]


@pytest.mark.parametrize(("words", "message"), BAD)
def test_bad_input_is_refused_and_changes_nothing(words, message, refused, tmp_path):
    (tmp_path / "a_file").write_text("x")
    assert message in refused("study", *shlex.split(words))


def results(folder, kind, error=lambda trial: 5.0 + trial.lr, **words):
    """Write a study's results without training."""
    made = []
    for planned in plan_together(requests_of(Study(kind=kind, **words))):
        made.append(create(Workspace(folder / "sweeps"), planned.plan))
        for trial in made[-1].plan.trials:
            made[-1].journal.append("end", trial.key, finished(trial.key, error=error(trial)))
    return made


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("lengths", ["lengths.pdf"]),
        ("optimizers", ["optimizers.pdf"]),
        ("hyperparameters", ["hyperparameters-scatter.pdf", "hyperparameters.pdf"]),
        ("peak", ["peak.pdf"]),
    ],
)
def test_what_is_there_is_drawn_without_training(kind, files, sweep, tmp_path):
    results(tmp_path, kind, n=6)
    words = ["--n", "6"] if kind == "hyperparameters" else []
    code, out, _ = sweep("study", kind, *words, "--draw-only")
    assert code == 0
    assert sorted(path.name for path in tmp_path.glob("*.pdf")) == files
    for word in ("vit_p_1mf", "regnety_1mf", "Written to"):
        assert word in out
    assert not (tmp_path / "mlflow.db").exists()


def test_trials_that_failed_or_diverged_are_shown_and_named(sweep, tmp_path):
    words = {"epochs": [1, 2], "seeds": 2, "models": ["vit_c_1mf"]}
    planned = plan_together(requests_of(Study(kind="lengths", **words)))
    long, short = [create(Workspace(tmp_path / "sweeps"), each.plan) for each in planned]
    for made in (long, short):
        one, other = made.plan.trials
        made.journal.append("end", one.key, finished(one.key))
        if made is long:
            made.journal.append("end", other.key, failed(other.key))
        else:
            lost = TrialRecord(key=other.key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=100.0)
            made.journal.append("end", other.key, lost)
    flags = ["-m", "vit_c_1mf", "--epochs", "1", "--epochs", "2", "--seeds", "2"]
    code, out, _ = sweep("study", "lengths", *flags, "--draw-only")
    assert code == 1
    for said in (
        "1 of 2 diverged",
        "1 of 2 ",
        "no result: vit_c_1mf optimum repeat 1",
        "failed: ",
        "--retry-failed",
    ):
        assert said in out
    assert (tmp_path / "lengths.pdf").exists()


def test_without_a_zero_there_is_no_figure_and_the_exit_code_says_so(sweep, tmp_path):
    flags = ["hyperparameters", "-m", "vit_c_1mf", "--optimizer", "adamw", "--n", "3"]
    (made,) = results(tmp_path, "hyperparameters", models=["vit_c_1mf"], optimizers=["adamw"], n=3)
    centres = [trial.key for trial in made.plan.trials if trial.role is Role.OPTIMUM]
    lines = made.journal.path.read_text().splitlines(keepends=True)
    made.journal.path.write_text("".join(line for line in lines if not any(key in line for key in centres)))
    code, out, _ = sweep("study", *flags, "--draw-only")
    assert code == 1
    assert "No figure: Δ is counted from the error at the optimum" in out
    assert not list(tmp_path.glob("*.pdf"))
    assert sweep("study", *flags, "--draw-only", "--absolute")[0] == 1
    assert (tmp_path / "hyperparameters.pdf").exists()


def test_the_hyperparameters_study_says_where_delta_flatters(sweep, tmp_path):
    def bad(trial):
        return 85.0 if trial.model == "vit_p_1mf" else 5.0

    results(tmp_path, "hyperparameters", error=bad, optimizers=["adamw"], n=6)
    out = sweep("study", "hyperparameters", "--optimizer", "adamw", "--n", "6", "--draw-only")[1]
    assert "Warning: vit_p_1mf (1MF, adamw): its optimum stands at 85.0 % error" in out
    assert "Warning: vit_c_1mf" not in out


def test_a_larger_sweep_is_drawn_as_far_as_it_was_asked_for(sweep, tmp_path):
    results(tmp_path, "hyperparameters", models=["vit_c_1mf"], optimizers=["adamw"], n=9, seeds=4)
    flags = ["-m", "vit_c_1mf", "--optimizer", "adamw", "--n", "3", "--seeds", "1"]
    out = sweep("study", "hyperparameters", *flags, "--draw-only")[1]
    assert " 3 " in out
    assert "mean of" not in out


def test_a_curve_without_a_band_says_why(sweep, tmp_path):
    words = {"models": ["vit_c_1mf"], "optimizers": ["adamw"], "n": 16, "design": "sobol"}
    results(tmp_path, "hyperparameters", **words)
    flags = ["hyperparameters", "-m", "vit_c_1mf", "--optimizer", "adamw", "--n", "16", "--design", "sobol"]
    code, out, _ = sweep("study", *flags, "--draw-only")
    assert code == 0
    assert "Warning: no band: " in out
    assert "1 whole scramble of 16 points" in out


def test_sweeps_that_are_new_because_the_optimum_is_another_are_named(sweep, tmp_path):
    words = {"models": ["vit_c_1mf"], "epochs": [1, 2]}
    results(tmp_path, "lengths", **words)
    flags = ["lengths", "-m", "vit_c_1mf", "--epochs", "1", "--epochs", "2", "--dry-run"]
    assert "new sweep" not in sweep("study", *flags)[1]
    data = plan_together(requests_of(Study(kind="lengths", **words)))[0].plan.data_fingerprint
    found = dataclasses.replace(ROW, model="vit_c_1mf", epochs=2, lr=0.0071, data=data)
    (tmp_path / "sweeps" / "optima.csv").write_text(to_csv([found]))
    out = sweep("study", *flags)[1]
    assert out.count("its optimum is another (lr 0.0071, wd 0.05; there lr ") == 2


def test_published_results_stand_beside_ones_own(sweep, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sweep.recipes.loading.shipped", lambda: ("digits",)
    )  # a small one of that name stands for it
    (tmp_path / "imagenet.toml").write_text(
        'dataset = "digits"\nmax_px = 32\nepochs = 50\nbatch = 32\nwarmup_epochs = 5\n'
    )
    words = {"recipe": "imagenet.toml", "sizes": ["1gf", "18gf"]}
    results(tmp_path, "peak", **words)
    flags = ["--recipe", "imagenet.toml", "--size", "1gf", "--size", "16gf"]
    code, out, _ = sweep("study", "peak", *flags, "--draw-only", "--published")
    assert code == 0
    for number in ("33.2", "17.0", "16.3", "17.9"):
        assert number in out


@pytest.mark.slow
def test_a_dry_run_counts_what_is_left_and_times_it_and_writes_nothing(sweep, tmp_path):
    flags = ("study", "lengths", "--epochs", "1", "--epochs", "2", "--seeds", "2", "--dry-run")
    code, out, _ = sweep(*flags)
    assert code == 0
    assert "12 trainings, 18 epochs, 270 steps: about" in out
    assert "device-hours" in out
    assert not list(tmp_path.iterdir())
    results(tmp_path, "lengths", epochs=[1, 2], seeds=2)
    assert "0 trainings, 0 epochs, 0 steps: about 0 device-hours" in sweep(*flags)[1]
