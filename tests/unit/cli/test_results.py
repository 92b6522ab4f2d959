import json
import re
import subprocess
import sys

import pytest
from support.journals import epoch, finished
from support.plans import a_plan
from support.workspaces import create
from typer.main import get_command

from sweep.cli.main import app
from sweep.core.trial import TrialRecord, TrialState
from sweep.recipes.loading import load
from sweep.workspace.workspace import Workspace


def cells(out, name):
    """Return what stands behind a sweep's name in a table."""
    line = next(line for line in out.splitlines() if line.startswith(name))
    return re.split("  +", line.strip())[1:]


COMMANDS = [name for name in get_command(app).commands]  # noqa: C416


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command, sweep):
    code, out, _ = sweep(command, "--help")
    assert code == 0
    assert f"sweep {command}" in out.split("Example:")[1]


def test_the_commands_of_the_design_are_there():
    assert {"run", "status", "models", "ui", "export", "cdf", "compare", "scatter", "report"} <= set(COMMANDS)


def test_help_imports_nothing_heavy():
    code = "import sys; sys.argv = ['sweep', '--help']\nfrom sweep.cli.main import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "heavy = {'numpy', 'pandas', 'torch', 'ray', 'mlflow', 'matplotlib', 'scipy', 'tomllib'}\n"
    code += "heavy |= {'sweep.checkpoints', 'sweep.core.trial', 'sweep.recipes', 'sweep.workspace'}\n"
    code += "print(sorted(heavy & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


BAD = [
    (["run"], "Missing option"),
    (["run", "--model", "vit_p_1mff"], "Did you mean vit_p_1mf"),
    (["run", "--model", "vit_p_1mf", "--n", "0"], "n must be at least 1, got 0"),
    (["run", "--model", "vit_p_1mf", "--n", "many"], "Invalid value"),
    (["run", "--model", "vit_p_1mf", "--seeds", "0"], "--seeds takes a number from 1 to 1000, got 0"),
    (["run", "--model", "vit_p_1mf", "--seeds", "1001"], "--seeds takes a number from 1 to 1000, got 1001"),
    (["run", "--model", "vit_p_1mf", "--optimizer", "adam"], "Did you mean adamw"),
    (["run", "--model", "vit_p_1mf", "--recipe", "digit"], "Did you mean digits"),
    (["run", "--model", "vit_p_1mf", "--lr", "-1", "--wd", "0.1"], "lr must be a positive, finite number"),
    (["run", "--model", "vit_p_1mf", "--lr", "0.1"], "give both or neither"),
    (["run", "--model", "vit_p_1mf", "--lr", "0.1", "--wd", "-2"], "weight_decay must be a positive"),
    (["run", "--model", "vit_p_1mf", "--recipe", "folder", "--lr", ".1", "--wd", ".1"], "needs its data"),
    (
        ["run", "--model", "vit_p_1mf", "--recipe", "folder", "--lr", ".1", "--wd", ".1", "--data", "x"],
        "no such folder",
    ),
    (
        [
            "run",
            "--model",
            "vit_p_1mf",
            "--recipe",
            "fashion_mnist",
            "--lr",
            ".1",
            "--wd",
            ".1",
            "--data",
            ".",
        ],
        "no file",
    ),
    (["run", "--model", "vit_p_1mf", "--design", "grid", "--n", "60"], "use 49 or 64"),
    (["run", "--model", "vit_p_1mf", "--box", "paper"], "Use --box optimum"),
    (["run", "--model", "vit_p_1mf", "--cpus-per-trial", "0"], "Invalid value"),
    (["run", "--model", "vit_p_1mf", "--dir", "a_file"], "a_file"),
    (["run", "--model", "vit_p_1mf", "--address", "ray://head:1"], "--address auto"),
    (["run", "--model", "vit_p_1mf", "--gpus-per-trial", "1.5"], "a whole number, got 1.5"),
    (["run", "--model", "vit_p_1mf", "--cpus-per-trial", "nan"], "Invalid value"),
    (["run", "--model", "vit_p_1mf", "--n", "10000000000000"], "n must be at most"),
    (["run", "--model", "resnet18.nonsense", "--lr", ".1", "--wd", ".1"], "resnet18.nonsense"),
    (["run", "--model", "zzzz"], "any timm model works"),
    (["status", "v" * 300], "unknown sweep"),
    (["status", "vit"], "unknown sweep 'vit'"),
    (["export", "--out", "x.csv"], "no sweep to show"),
    (["cdf", "--out", "x.pdf"], "no sweep to show"),
    (["scatter", "--out", "x.pdf"], "no sweep to show"),
    (["cdf"], "Missing option"),
    (["ui", "--port", "0"], "Invalid value"),
    (["dance"], "No such command"),
]


@pytest.mark.parametrize(("words", "message"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_gets_one_message_and_exit_code_2_and_leaves_nothing(words, message, sweep, tmp_path):
    (tmp_path / "a_file").write_text("")
    code, out, err = sweep(*words)
    assert code == 2
    assert message in err
    assert "Traceback" not in out + err
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


BAD_OUT = [
    (["cdf", "--out", "fig.docx"], "docx"),
    (["cdf", "--out", "nowhere/fig.pdf"], "cannot write"),
    (["scatter", "--out", "fig"], "suffix"),
    (["export", "--out", "table.xls"], ".csv, .parquet, .json"),
    (["export", "--out", "nowhere/table.csv"], "cannot write"),
    (["cdf", "--out", "fig.pdf", "--model", "vit_q"], "no sweep to show"),
    (["report", "--out", "report.pdf"], "the suffix must be .html or .htm, got '.pdf'"),
    (["report", "--out", "nowhere/report.html"], "cannot write"),
    (["cdf", "--out", "fig.pdf", "--sweep", "vit"], "fits 2 sweeps"),
]


@pytest.mark.parametrize(("words", "message"), BAD_OUT, ids=[" ".join(words) for words, _ in BAD_OUT])
def test_what_cannot_be_written_leaves_nothing_behind(words, message, sweep, results, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    code, _, err = sweep(*words)
    assert code == 2
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_plan_or_journal_is_named(sweep, results):
    folder = next(results.iterdir())
    (folder / "journal.jsonl").write_text('{"event": "end"}\n')
    assert "journal.jsonl, line 1 is damaged" in sweep("status")[2]
    (folder / "plan.json").write_text("{")
    code, _, err = sweep("status")
    assert code == 2
    assert "plan.json is not a plan, or damaged" in err


def test_status_shows_counts_and_says_what_is_incomplete(sweep, results):
    code, out, _ = sweep("status")
    assert code == 0
    assert cells(out, "vit_c_1mf-") == ["████████████", "9/9", "5.00", "5.00"]
    assert "planned" not in out
    create(Workspace(results), a_plan(model="vit_p_1mf", n=12))
    out = sweep("status")[1]
    assert cells(out, "vit_p_1mf-")[:2] == ["████████░░░░", "9/13"]
    assert re.search(r"^vit_p_1mf-\S+: 4 planned$", out, re.MULTILINE)


def test_status_of_an_empty_folder_says_how_to_begin(sweep):
    code, out, _ = sweep("status")
    assert code == 0
    assert "sweep run --model" in out


def test_status_speaks_json(sweep, results):
    (row, _) = json.loads(sweep("status", "--json")[1])
    assert (row["model"], row["finished"], row["complete"]) == ("vit_c_1mf", 9, True)
    (one,) = json.loads(sweep("status", "vit_p", "--json")[1])
    assert [trial["index"] for trial in one["trials"]] == list(range(-1, 8))


def test_status_shows_the_mean_over_the_seeds_at_the_optimum(sweep, tmp_path):
    made = create(Workspace(tmp_path / "sweeps"), a_plan(n=2, seeds=4))
    for trial, error in zip(made.plan.trials, (5.0, 6.0, 8.5), strict=False):
        made.journal.append("end", trial.key, finished(trial.key, error=error))
    out = sweep("status")[1]
    assert cells(out, "vit_p")[1:] == ["3/6", "6.50 ± 1.04", "5.00"]
    assert ": 3 planned; 3 of 4 trials at the optimum have a result" in out
    last = made.plan.trials[3]
    (row,) = json.loads(sweep("status", "vit", "--json")[1])
    assert (row["n"], row["seeds"], row["optimum_err"], row["optimum_errs"]) == (2, 4, 6.5, [5.0, 6.0, 8.5])
    assert [trial["repeat"] for trial in row["trials"]] == [0, 1, 2, 3, 0, 0]
    listed = [re.split("  +", line)[0] for line in sweep("status", "vit")[1].splitlines()[-6:]]
    assert listed == ["optimum", "optimum #1", "optimum #2", "optimum #3", "0", "1"]
    diverged = TrialRecord(key=last.key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=100.0)
    made.journal.append("end", last.key, diverged)
    assert cells(sweep("status")[1], "vit_p")[2].startswith("29.88 ± ")


def test_status_without_a_result_at_the_optimum_has_no_mean(sweep, tmp_path):
    create(Workspace(tmp_path / "sweeps"), a_plan(n=2, seeds=2))
    assert cells(sweep("status")[1], "vit_p")[2] == "–"
    (row,) = json.loads(sweep("status", "--json")[1])
    assert (row["optimum_err"], row["optimum_errs"]) == (None, [])


def test_export_writes_every_column_and_reads_back_exactly(sweep, results, tmp_path):
    import pandas as pd

    from sweep.workspace.trial_table import COLUMN_NAMES

    assert sweep("export", "--out", "t.csv")[0] == sweep("export", "--out", "t.parquet")[0] == 0
    csv, parquet = pd.read_csv(tmp_path / "t.csv"), pd.read_parquet(tmp_path / "t.parquet")
    assert tuple(csv.columns) == tuple(parquet.columns) == COLUMN_NAMES
    assert len(csv) == 18
    for column in ("lr", "weight_decay", "u_lr", "top1_err"):
        assert csv[column].equals(parquet[column])
    sweep_ = Workspace(results).open("vit_p")
    assert csv[csv.model == "vit_p_1mf"].lr.tolist() == [trial.lr for trial in sweep_.plan.trials]


def test_cdf_draws_both_kinds_and_prints_the_shares(sweep, results, tmp_path):
    code, out, _ = sweep("cdf", "--out", "fig.pdf")
    assert code == 0
    assert "0.25" in out  # 2 of 8 points of vit_p within 8 points of its optimum: errors 8 and 11, then 14 …
    assert (tmp_path / "fig.pdf").read_bytes().startswith(b"%PDF")
    assert sweep("cdf", "--absolute", "--out", "abs.svg")[0] == 0
    assert sweep("scatter", "--out", "s.png")[0] == 0
    assert (tmp_path / "s.png").read_bytes().startswith(b"\x89PNG")


def test_report_tells_plan_journal_and_that_there_are_no_runs_to_link_to(sweep, results, tmp_path):
    code, out, _ = sweep("report", "--out", "report.html")
    assert (code, out.strip()) == (0, "Written to report.html")
    page = (tmp_path / "report.html").read_text()
    for text in (
        "optimum from",
        "fingerprint",
        "Take vit_c_1mf rather than vit_p_1mf",
        "There are no links to runs",
    ):
        assert text in page
    assert not (tmp_path / "mlflow.db").exists(), "asking for the runs creates no store"


def test_cdf_warns_when_delta_flatters(sweep, tmp_path):
    for model, error in (("vit_p_1mf", 60.0), ("vit_c_1mf", 7.0)):
        made = create(Workspace(tmp_path / "sweeps"), a_plan(model=model, n=8))
        for i, trial in enumerate(made.plan.trials):
            made.journal.append("end", trial.key, finished(trial.key, error=error + 0.1 * i))
    code, _, err = sweep("cdf", "--out", "fig.pdf")
    assert code == 0
    assert "vit_p_1mf" in err or "ViT_P" in err
    assert "--absolute" in err


def test_sweeps_that_trained_otherwise_are_compared_and_named_by_it(sweep, results):
    from sweep.recipes.loading import load

    other = create(Workspace(results), a_plan(recipe=load("digits", epochs=4), n=8))
    for trial in other.plan.trials:
        other.journal.append("end", trial.key, finished(trial.key))
    code, out, _ = sweep("compare", "--model", "vit_p_1mf")
    assert code == 0
    assert "vit_p_1mf on digits (epochs 4)" in out
    code, _, _ = sweep("cdf", "--model", "vit_p_1mf", "--out", "fig.svg")
    assert code == 0
    code, out, _ = sweep("compare", "--model", "vit_p_1mf", "--json")
    assert [pair["differ_in"] for pair in json.loads(out)["pairs"]] == ["recipe"]


def test_other_data_under_one_recipe_are_named_with_a_warning(sweep, results):
    other = create(Workspace(results), a_plan(data_fingerprint="fedcba9876543210", n=8))
    for trial in other.plan.trials:
        other.journal.append("end", trial.key, finished(trial.key))
    code, out, err = sweep("compare", "--model", "vit_p_1mf")
    assert code == 0
    assert "vit_p_1mf on digits (data fedcba98)" in out
    assert "different data" in err


def test_sweeps_at_other_points_are_drawn_with_a_warning(sweep, results):
    other = create(Workspace(results), a_plan(model="regnety_1mf", seed=1, n=8))
    for trial in other.plan.trials:
        other.journal.append("end", trial.key, finished(trial.key))
    code, _, err = sweep("cdf", "--out", "fig.pdf")
    assert code == 0
    assert "not paired" in err


def test_the_ui_of_a_server_is_at_its_own_address(sweep, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    assert "http://127.0.0.1:9" in sweep("ui")[2]


def test_diverged_trials_count(sweep, tmp_path):
    made = create(Workspace(tmp_path / "sweeps"), a_plan(n=64))
    for i, trial in enumerate(made.plan.trials):
        diverged = TrialRecord(key=trial.key, state=TrialState.DIVERGED, top1_err=100.0, best_top1_err=100.0)
        made.journal.append("end", trial.key, diverged if i > 48 else finished(trial.key, error=10.0))
    out = sweep("cdf", "--out", "fig.png")[1]
    assert "0.75" in out
    assert "1.00" not in out


def test_sweeps_of_nothing_but_their_optimum_are_exported_and_not_compared(sweep, results, tmp_path):
    made = create(Workspace(results), a_plan(model="regnety_1mf", n=0, recipe=load("digits", epochs=50)))
    (trial,) = made.plan.trials
    made.journal.append("end", trial.key, finished(trial.key))
    assert sweep("export", "--out", "t.csv")[1].startswith("19 trials written")
    for command in (["compare"], ["cdf", "--out", "f.png"], ["scatter", "--out", "f.png"]):
        code, out, err = sweep(*command)
        assert code == 0
        assert f"Left out, as only their optimum was trained: {made.name}" in " ".join(err.split())
        assert "regnety" not in out
    code, out, err = sweep("cdf", "--from", "t.csv", "--out", "f.png")
    assert code == 0
    assert f"Left out, as only their optimum was trained: {made.name}" in " ".join(err.split())
    assert "regnety" not in out
    for elsewhere in ([], ["--from", "t.csv"]):
        code, _, err = sweep("compare", "--model", "regnety_1mf", *elsewhere)
        assert code == 2
        assert "only the optimum was trained" in err


@pytest.mark.slow
def test_models_are_listed_with_their_cost():
    # In a fresh process: beside a CPU-only torch, timm can only be imported through sweep.models.timm_models.
    ran = subprocess.run(
        [sys.executable, "-m", "sweep", "models", "--json"], capture_output=True, text=True, check=True
    )
    rows = {row["model"]: row for row in json.loads(ran.stdout)}
    assert rows["vit_p_18gf"]["params"] == 86_567_656
    assert rows["vit_c_1mf"]["optima"]["adamw/digits"]["lr"] > 0


def test_compare_says_it_in_words_and_writes_every_number(results, sweep):
    code, out, _ = sweep("compare", "--out", "pairs.json")
    assert code == 0
    assert "Take vit_c_1mf rather than vit_p_1mf, with one random trial of each." in out
    assert "train it with 5 seeds" in out, "one trial at an optimum is no zero to test by"
    assert "1 random trial of vit_c_1mf can be expected to match the best of 8 of vit_p_1mf (8.00 %)" in out
    (row,) = json.loads((results.parent / "pairs.json").read_text())
    assert (row["a"], row["b"], row["paired"], row["n_a"]) == ("vit_p_1mf", "vit_c_1mf", True, 8)
    assert row["p Wilcoxon"] == pytest.approx(2 / 2**8), "all of 8 signs alike"
    assert row["p_area"] is None
    code, out, _ = sweep("compare", "--json")
    tables = json.loads(out)
    assert tables["pairs"] == [row]
    assert [each["model"] for each in tables["sweeps"]] == ["vit_p_1mf", "vit_c_1mf"]
    assert tables["answer"][0].startswith("Take vit_c_1mf rather than vit_p_1mf")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare", "--test", "t"], "a test is one of auto, paired, unpaired, got 't'"),
        (["compare", "--confidence", "95"], "between 0 and 1, such as 0.95, got 95"),
        (["compare", "--model", "vit_p_1mf"], "at least two sweeps, got vit_p_1mf"),
        (["compare", "--margin", "0"], "a margin is a difference that would not matter, above 0"),
        (["compare", "--out", "pairs.xls"], "one of .csv, .parquet, .json, got '.xls'"),
        (["cdf", "--out", "a.png", "--band", "wide"], "a band is one of equal-precision, ks"),
        (["cdf", "--out", "a.png", "--band", "scramble"], "holds for the design sobol"),
    ],
)
def test_what_cannot_be_compared_or_banded_is_one_message(results, sweep, words, message):
    code, _, err = sweep(*words)
    assert code == 2
    assert message in " ".join(err.split())


def test_optimizers_are_compared_too(results, sweep):
    other = create(Workspace(results), a_plan(model="vit_c_1mf", optimizer="sgd", n=8))
    for trial in other.plan.trials:
        other.journal.append("end", trial.key, finished(trial.key, error=9.0))
    code, out, _ = sweep("compare", "--json")
    assert code == 0
    assert [(p["a"], p["b"]) for p in json.loads(out)["pairs"]] == [
        ("vit_p_1mf with AdamW", "vit_c_1mf with AdamW"),
        ("vit_c_1mf with AdamW", "vit_c_1mf with SGD"),
    ]
    assert "vit_c_1mf with AdamW – vit_c_1mf with SGD" in sweep("compare", "--model", "vit_c_1mf")[1]


def test_cdf_draws_the_band_that_is_asked_for(results, sweep):
    sizes = []
    for words in (["--band", "none"], ["--band", "ks"], ["--band", "ks", "--confidence", "0.5"]):
        assert sweep("cdf", "--out", "a.svg", *words)[0] == 0
        sizes.append((results.parent / "a.svg").read_bytes())
    assert len(set(sizes)) == 3


def test_a_schedule_that_is_too_short_is_warned_of(results, sweep):
    for each in Workspace(results).sweeps():
        key = each.plan.trials[0].key
        other = Workspace(results / "new").prepare(each.plan)
        other.folder.mkdir(parents=True)
        other.write_plan()
        other.journal.append("start", key)
        for number, error in enumerate((90.0, 40.0, 20.0, 5.0), 1):
            other.journal.append("epoch", key, epoch(number, error))
        for i, trial in enumerate(each.plan.trials):
            other.journal.append("end", trial.key, finished(trial.key, error=5.0 + i))
    _, _, err = sweep("cdf", "--out", "a.png", "--dir", str(results / "new"))
    assert "its schedule of 4 epochs is short" in err
    assert "15.0 points over the last 1" in err
