import contextlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.plans import a_plan
from support.workspaces import create

from analysis import AnalysisError, curves
from sweep.errors import InputError
from sweep.results.figures import with_places
from sweep.sources.formats import open_source, read
from sweep.sources.mapping import Mapping
from sweep.sources.mark_optimum import Optimum
from sweep.workspace.sweep import Growth
from sweep.workspace.workspace import Workspace

DEMO = Path(__file__).parents[3] / "docs/demo/trials.csv"


@pytest.fixture
def export(sweep, tmp_path):
    """Convert sources by the command line; return the table read back, and what was printed on stderr."""

    def call(*words: str) -> tuple[pd.DataFrame, str]:
        code, out, err = sweep("export", "--out", "t.parquet", *words)
        assert code == 0, out + err
        return pd.read_parquet(tmp_path / "t.parquet"), err

    return call


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return path.name


def test_a_table_that_export_wrote_is_read_back_bit_for_bit(sweep, tmp_path):
    assert sweep("export", "--from", str(DEMO), "--out", "once.csv")[0] == 0
    again, demo = pd.read_csv(tmp_path / "once.csv", dtype=str), pd.read_csv(DEMO, dtype=str)
    pd.testing.assert_frame_equal(again[demo.columns], demo)  # which may be older than a column
    for suffix in ("csv", "parquet"):
        assert sweep("export", "--from", "once.csv", "--out", f"a.{suffix}")[0] == 0
        assert sweep("export", "--from", f"a.{suffix}", "--out", f"b.{suffix}")[0] == 0
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    assert sweep("export", "--from", "a.parquet", "--out", "c.csv")[0] == 0
    assert (tmp_path / "c.csv").read_bytes() == (tmp_path / "once.csv").read_bytes()


def test_own_sweeps_with_trials_in_every_state_survive_a_round_trip(sweep, results, tmp_path):
    from sweep.core.trial import TrialRecord, TrialState

    made = create(Workspace(results), a_plan(model="regnety_1mf", n=4))
    keys = [trial.key for trial in made.plan.trials]
    made.write_growth(Growth(first_n=8, max_n=32))
    for key, state, error in ((keys[1], TrialState.DIVERGED, 100.0), (keys[2], TrialState.FAILED, None)):
        made.journal.append("end", key, TrialRecord(key=key, state=state, top1_err=error))
    for suffix in ("csv", "parquet"):
        assert sweep("export", "--out", f"own.{suffix}")[0] == 0
        assert sweep("export", "--from", f"own.{suffix}", "--out", f"again.{suffix}")[0] == 0
        assert (tmp_path / f"own.{suffix}").read_bytes() == (tmp_path / f"again.{suffix}").read_bytes()
    states = set(pd.read_csv(tmp_path / "again.csv")["state"])
    assert states == {"finished", "diverged", "failed", "planned"}
    assert set(pd.read_parquet(tmp_path / "again.parquet")["max_n"].dropna()) == {32}


def test_keys_and_models_that_look_like_numbers_stay_what_they_are(export, tmp_path):
    table = pd.read_csv(DEMO, dtype=str).head(3)
    table["key"], table["model"] = ["0012345678901234", "12e4567890123456", "nan"], "1e5"
    table.to_csv(tmp_path / "odd.csv", index=False)
    back, _ = export("--from", "odd.csv")
    assert back["key"].tolist() == ["0012345678901234", "12e4567890123456", "nan"]
    assert set(back["model"]) == {"1e5"}


ACCURACIES = (
    "arch,config/lr,wd,val_acc\nvit,0.1,0.01,0.75\nvit,0.2,0.01,0.5\nvit,0.4,0.01,nan\nvit,0.8,0.01,\n"
)


def test_a_foreign_table_is_mapped_by_name_and_everything_decided_is_shown(export, tmp_path):
    name = write(tmp_path / "r.csv", ACCURACIES)
    table, err = export("--from", name, "--fraction", "--nan", "diverged")
    assert table["top1_err"].tolist() == [25.0, 50.0, 100.0, 100.0]
    assert table["state"].tolist() == ["finished", "finished", "diverged", "diverged"]
    assert table["lr"].tolist() == [0.1, 0.2, 0.4, 0.8]
    assert table["weight_decay"].tolist() == [0.01] * 4
    assert table["index"].tolist() == [0, 1, 2, 3]
    assert set(table["model"]) == {"vit"}
    assert set(table["role"]) == {"point"}
    for shown in (
        "r.csv: CSV table, 4 trials",
        "← arch (by its name)",
        "← config/lr (by its name)",
        "← wd (by its name)",
        "← val_acc (by its name), accuracy as a fraction: 100 − 100·x with x = val_acc",
        "optimizer      none (not in the source",
        "2 without a finite metric are taken as diverged (--nan): rows 3, 4",
        "vit: 4 trials, 2 finished, 2 diverged; no optimum, so no Δ",
    ):
        assert shown in err


def test_what_was_understood_is_not_printed_before_an_error_that_it_does_not_explain(sweep, tmp_path):
    name = write(tmp_path / "r.csv", ACCURACIES)
    words = ("--from", name, "--fraction", "--nan", "diverged")
    code, _, err = sweep("cdf", *words, "--out", "fig.pdf")
    assert (code, err.count("\n")) == (2, 1)
    code, _, err = sweep("cdf", *words, "--absolute", "--out", "fig.pdf")
    assert (code, "← arch (by its name)" in err) == (0, True)


def test_parquet_is_read_like_csv(export, tmp_path):
    table = pd.DataFrame(
        {
            "model": ["a", "a"],
            "lr": np.float32([0.5, 0.25]),
            "error": [7, 9],
            "status": ["COMPLETE", "FAILED"],
        }
    )
    table.to_parquet(tmp_path / "r.parquet")
    back, err = export("--from", "r.parquet")
    assert back["top1_err"].tolist()[0] == 7.0
    assert np.isnan(back["top1_err"][1])
    assert back["state"].tolist() == ["finished", "failed"]
    assert back["lr"].tolist() == [0.5, 0.25]
    assert "error in percent: x with x = error" in err
    table.set_index("lr").to_parquet(tmp_path / "i.parquet")
    assert export("--from", "i.parquet")[0]["lr"].tolist() == [0.5, 0.25]


@given(
    errors=st.lists(
        st.floats(0, 100) | st.sampled_from([float("nan"), float("inf"), -float("inf")]),
        min_size=1,
        max_size=30,
    ),
    nan=st.sampled_from(["diverged", "failed"]),
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_trial_is_dropped_and_no_number_changed(errors, nan, tmp_path):
    table = pd.DataFrame({"model": "m", "err": errors})
    table.to_csv(tmp_path / "p.csv", index=False)
    got = read([str(tmp_path / "p.csv")], Mapping(nan=nan, fraction=False)).table
    finite = np.isfinite(errors)
    assert len(got) == len(errors)
    assert got["top1_err"][finite].tolist() == np.array(errors)[finite].tolist()
    assert (got["state"][finite] == "finished").all()
    assert (got["state"][~finite] == nan).all()
    assert got["top1_err"][~finite].tolist() == [100.0] * (~finite).sum() or nan == "failed"


NASTY = [
    "",
    "nan",
    "inf",
    "-1",
    "1.5",
    "9" * 30,
    "1e300",
    "yes",
    "NULL",
    "1_0",
    "٣",
    "point",
    "finished",
    "é",
]


@given(data=st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_cell_is_read_or_refused_by_one_message(data, tmp_path):
    table = pd.read_csv(DEMO, dtype=str, keep_default_na=False).head(4)
    if data.draw(st.booleans(), label="foreign"):
        table = table.drop(columns=["key", "wall_s"])
    for column in data.draw(st.lists(st.sampled_from(list(table.columns)), max_size=2), label="columns"):
        cell = data.draw(st.sampled_from(NASTY) | st.text(max_size=5), label="cell")
        table.loc[data.draw(st.integers(0, 3), label="row"), column] = cell
    table.to_csv(tmp_path / "t.csv", index=False)
    nan = data.draw(st.sampled_from([None, "diverged"]), label="nan")
    with contextlib.suppress(InputError, AnalysisError):
        table = read([str(tmp_path / "t.csv")], Mapping(nan=nan)).table
        assert len(table) == 4
        curves(with_places(table), absolute=True)


def test_the_edf_counts_diverged_trials_and_not_failed_ones(tmp_path):
    # 48 finite trials, 36 of them at most 32 %, and 16 that diverged: 36/64 with them, 36/48 without.
    errors = [*np.linspace(10, 32, 36), *np.linspace(33, 90, 12), *[float("nan")] * 16]
    pd.DataFrame({"model": "m", "err": errors}).to_csv(tmp_path / "t.csv", index=False)
    for nan, share in (("diverged", 0.5625), ("failed", 0.75)):
        table = read([str(tmp_path / "t.csv")], Mapping(nan=nan)).table
        (curve,) = curves(with_places(table), absolute=True)
        assert float(curve.edf.share(32.0)) == share
        assert curve.missing == (16 if nan == "failed" else 0)


def test_the_words_of_a_state_column_are_respected(export, tmp_path):
    rows = ["a,10,COMPLETE", "a,nan,Diverged", "a,,ERROR", "a,,pruned", "a,,waiting", "a,30,running"]
    name = write(tmp_path / "s.csv", "model,err,state\n" + "\n".join(rows) + "\n")
    table, err = export("--from", name)
    assert table["state"].tolist() == ["finished", "diverged", "failed", "failed", "planned", "running"]
    assert table["top1_err"].fillna(-1).tolist() == [10.0, 100.0, -1, -1, -1, -1]
    assert "1 that the source calls diverged have 100 % error" in err


def test_trials_that_were_stopped_early_are_warned_of(sweep, tmp_path):
    write(tmp_path / "s.csv", "model,err,state\na,10,COMPLETE\na,80,PRUNED\n")
    code, _, err = sweep("cdf", "--absolute", "--from", "s.csv", "--out", "f.pdf")
    assert code == 0
    assert "1 of 2 trials were stopped early" in err
    write(tmp_path / "e.csv", "model,err,epochs\na,10,50\na,80,3\n")
    assert "from 3 to 50 epochs" in read([str(tmp_path / "e.csv")], Mapping()).warnings[0]


TWO = "model,lr,wd,err\n" + "".join(
    f"{m},{lr},0.1,{e}\n" for m in "ab" for lr, e in ((1, 20), (2, 10), (4, 30))
)


def test_the_optimum_that_is_named_is_the_zero_and_no_point(sweep, export, tmp_path):
    write(tmp_path / "t.csv", TWO)
    table, err = export("--from", "t.csv", "--optimum", "lr=2.0000001,wd=0.1")
    assert table[table["role"] == "optimum"]["top1_err"].tolist() == [10.0, 10.0]
    assert table[table["role"] == "optimum"]["index"].tolist() == [-1, -1]
    assert table[table["role"] == "point"]["index"].tolist() == [0, 2, 0, 2]  # their places in the design
    assert "a: 3 trials, 3 finished; optimum at lr=2, wd=0.1" in err
    assert sweep("cdf", "--from", "t.csv", "--optimum", "lr=2,wd=0.1", "--out", "f.pdf")[0] == 0
    assert sweep("scatter", "--from", "t.csv", "--optimum", "lr=2,wd=0.1", "--out", "s.png")[0] == 0
    deltas = curves(with_places(table))[0].edf.x.tolist()
    assert deltas == [10.0, 20.0]


def test_each_model_may_have_its_own_optimum(export, tmp_path):
    write(tmp_path / "t.csv", TWO)
    own = ("--optimum", "model=a,lr=1,wd=0.1", "--optimum", "model=b,lr=4,wd=0.1")
    table, _ = export("--from", "t.csv", *own)
    assert table[table["role"] == "optimum"][["model", "lr"]].to_numpy().tolist() == [["a", 1.0], ["b", 4.0]]


def test_a_role_column_names_the_optimum(export, tmp_path):
    write(tmp_path / "t.csv", "model,lr,wd,err,role\na,1,1,5,optimum\na,2,1,9,point\n")
    table, err = export("--from", "t.csv")
    assert table["index"].tolist() == [-1, 0]
    assert "optimum at lr=1, wd=1" in err


def test_several_sources_are_put_together(export, tmp_path):
    write(tmp_path / "1.csv", "model,lr,wd,err\na,1,1,5\na,2,1,9\n")
    write(tmp_path / "2.csv", "model,lr,wd,err\na,4,1,7\nb,4,1,8\n")
    table, err = export("--from", "1.csv", "--from", "2.csv", "--from", str(DEMO))
    assert len(table) == 4 + 207
    foreign = table[table["recipe"] == "unknown"]
    assert foreign[["model", "index", "top1_err"]].to_numpy().tolist() == [
        ["a", 0, 5.0],
        ["a", 1, 9.0],
        ["a", 2, 7.0],
        ["b", 0, 8.0],
    ]
    assert "read as it is" in err


def test_the_filters_choose_among_foreign_sweeps_too(export, sweep, tmp_path):
    table, _ = export("--from", str(DEMO), "--model", "vit_c_1mf")
    assert set(table["model"]) == {"vit_c_1mf"}
    assert set(export("--from", str(DEMO), "--sweep", "vit_p")[0]["model"]) == {"vit_p_1mf"}
    code, _, err = sweep("export", "--from", str(DEMO), "--recipe", "imagenet", "--out", "x.csv")
    assert code == 2
    assert "--recipe imagenet leaves none of regnety_1mf-adamw-digits" in err


def test_foreign_points_are_not_said_to_be_paired(tmp_path):
    write(tmp_path / "t.csv", TWO)
    assert "they pair where lr and wd are equal" in read([str(tmp_path / "t.csv")], Mapping()).warnings[0]
    assert read([str(DEMO)], Mapping()).warnings == []


def test_columns_that_hold_the_same_leave_no_choice_to_make(tmp_path):
    write(tmp_path / "t.csv", "model,arch,err\na,a,5\nb,b,6\n")
    assert read([str(tmp_path / "t.csv")], Mapping()).table["model"].tolist() == ["a", "b"]


def test_flags_decide_against_the_names(tmp_path):
    write(tmp_path / "t.csv", "model,lr,config/lr,acc\na,0.001,0.5,40\n")
    mapping = Mapping(columns={"lr": "config/lr"}, constants={"model": "b"}, accuracy=False)
    (row,) = read([str(tmp_path / "t.csv")], mapping).table.to_dict("records")
    assert (row["lr"], row["model"], row["top1_err"]) == (0.5, "b", 40.0)


def test_the_better_of_two_sources_is_no_optimum():
    assert Optimum(lr=1.0, weight_decay=1.0).is_of(pd.Series({"model": "a", "optimizer": "b"}))
    assert not Optimum(lr=1, weight_decay=1, model="b").is_of(pd.Series({"model": "a", "optimizer": "b"}))


GOOD = "model,lr,wd,err\na,1,1,5\na,2,1,9\n"
BAD = [
    (GOOD, ["--column", "lr=rate"], "has no column 'rate' (--column lr=rate); it has model, lr, wd, err"),
    (GOOD, ["--column", "rate=lr"], "unknown --column name 'rate'"),
    (GOOD, ["--column", "lr"], "--column takes NAME=VALUE, got 'lr'"),
    (GOOD, ["--column", "lr=wd", "--column", "lr=lr"], "--column lr is given twice"),
    (GOOD, ["--column", "model=lr", "--set", "model=x"], "by --column and by --set"),
    (GOOD, ["--set", "top1_err=3"], "unknown --set name 'top1_err'"),
    (GOOD, ["--nan", "100"], "Known: diverged, failed"),
    (GOOD, ["--optimum", "best"], "--optimum best: the best of the counted trials is no fair zero"),
    (GOOD, ["--optimum", "lr=1"], "--optimum takes lr=…,wd=…"),
    (GOOD, ["--optimum", "lr=one,wd=1"], "--optimum takes numbers"),
    (GOOD, ["--optimum", "lr=1.1,wd=1"], "no trial of a is there. The nearest has lr=1,wd=1"),
    (GOOD, ["--optimum", "model=b,lr=1,wd=1"], "is of no sweep here: there is a"),
    (GOOD, ["--optimum", "lr=1,wd=1", "--optimum", "lr=2,wd=1"], "2 --optimum are of a"),
    (GOOD, ["--from", "t.csv"], "t.csv is given twice"),
    ("lr,wd,err\n1,1,5\n", [], "which column is model? Say --column model=COLUMN or"),
    ("model,lr,loss\na,1,5\n", [], "Say --column top1_err=COLUMN. It has model, lr, loss"),
    ("model,acc,err\na,90,5\n", [], "err, acc could each be top1_err. Choose: --column top1_err=err or"),
    ("model,lr,config/lr,err\na,1,2,5\n", [], "lr, config/lr could each be lr. Choose: --column lr=lr or"),
    ("model,err\na,high\na,low\n", [], "err must hold numbers, got 'high' in row 1, and in 1 more rows"),
    ("model,err\na,5\na,5%\n", [], "err must hold numbers, got '5%' in row 2"),
    ("model,err,lr\na,5,inf\n", [], "lr is infinite in row 1"),
    ("model,err\na,5\na,nan\na,\na,inf\n", [], "3 of 4 trials have no finite err: 1 empty (row 3); 1 NaN"),
    ("model,err\na,0.5\na,0.1\n", [], "Say --fraction/--percent"),
    ("model,err\na,50\n", ["--fraction"], "err 50 gives a top-1 error of 5000 %"),
    ("model,acc\na,-3\na,50\n", [], "acc -3 gives a top-1 error of 103 %"),
    ("model,value\na,50\n", [], "is value an error or an accuracy? Say --accuracy/--error"),
    ("model,err,state\na,5,gone\n", [], "unknown state in t.csv, column state: 'gone'"),
    ("model,err\na,5\n,6\n", [], "model is empty in row 2"),
    ("model,err,role\na,5,best\n", ["cdf"], "role must be one of point, optimum, repeat, got best"),
    ("model,err,seed\na,5,1.5\n", [], "seed must hold whole numbers, got '1.5' in row 1"),
    ("", [], "t.csv is empty"),
    ("model,err\n", [], "t.csv has no rows"),
    ("model,err,err\na,5,5\n", [], "has more than one column err"),
    ("a\n1,2\n3,4,5,6\n", [], "t.csv is not a CSV table, or damaged"),
    ("model,err\na,5,6\n", [], "more cells than its header has names"),
]


@pytest.mark.parametrize(("text", "words", "message"), BAD, ids=[message for _, _, message in BAD])
def test_what_is_not_plain_is_refused_by_one_message(text, words, message, sweep, tmp_path):
    write(tmp_path / "t.csv", text)
    command = "cdf" if "cdf" in words else "export"
    flags = [word for word in words if word != "cdf"]
    code, out, err = sweep(
        command, "--from", "t.csv", *flags, "--out", "out.pdf" if command == "cdf" else "o.csv"
    )
    assert code == 2
    assert message in err
    assert "Traceback" not in out + err
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


def test_files_that_are_no_tables_are_refused(sweep, tmp_path):
    garbage = bytes(np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8))
    for name in ("g.csv", "g.parquet", "g.json", "g.xlsx"):
        (tmp_path / name).write_bytes(garbage)
    pd.DataFrame({"model": ["a"], "err": [5.0]}).to_parquet(tmp_path / "whole.parquet")
    (tmp_path / "cut.parquet").write_bytes((tmp_path / "whole.parquet").read_bytes()[:-40])
    (tmp_path / "empty.parquet").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for name, message in (
        ("g.csv", "not a CSV table, or damaged"),
        ("g.parquet", "not a Parquet file, or damaged"),
        ("cut.parquet", "not a Parquet file, or damaged"),
        ("empty.parquet", "not a Parquet file, or damaged"),
        ("g.json", "not JSON, or is damaged"),
        ("g.xlsx", "unknown kind of source"),
        ("none.csv", "no such file or folder"),
        ("https://there/t.csv", "only local sources can be read"),
        ("", "only local sources can be read"),
        ("folder", "no Ray Tune result folder"),
    ):
        code, out, err = sweep("export", "--from", name, "--out", "o.csv")
        assert code == 2
        assert message in err
        assert "Traceback" not in out + err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_copy_of_a_source_is_not_counted_twice(sweep, tmp_path):
    write(tmp_path / "t.csv", GOOD)
    shutil.copy(tmp_path / "t.csv", tmp_path / "copy.csv")
    code, _, err = sweep("export", "--from", "t.csv", "--from", "copy.csv", "--out", "o.csv")
    assert code == 2
    assert "2 trials are both in copy.csv and t.csv" in err


def test_flags_about_foreign_trials_need_a_source(sweep):
    code, _, err = sweep("cdf", "--out", "f.pdf", "--nan", "diverged", "--accuracy")
    assert code == 2
    assert "--accuracy/--error, --nan tells what the trials of --from are" in err
    assert "needs no flags" in sweep("export", "--from", str(DEMO), "--fraction", "--out", "o.csv")[2]


def test_without_an_optimum_the_message_names_the_flag(sweep, tmp_path):
    write(tmp_path / "t.csv", GOOD)
    code, _, err = sweep("cdf", "--from", "t.csv", "--out", "f.pdf")
    assert code == 2
    assert "--optimum" in err.splitlines()[-1]
    assert "--absolute" in err.splitlines()[-1]


def test_a_source_says_what_it_is():
    assert open_source(str(DEMO)).ours
