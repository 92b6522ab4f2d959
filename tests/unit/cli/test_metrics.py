"""Commands on trials of another metric than the top-1 error: they speak of it by its name, or refuse it."""

import json

import pandas as pd
import pytest

ROWS = "".join(
    f"{m},{lr},0.1,{0.9 - 0.01 * lr - d},{lr / 4}\n" for m, d in (("a", 0), ("b", 0.05)) for lr in range(1, 9)
)
FLAGS = [
    "--from",
    "r.csv",
    "--metric",
    "F1",
    "--bounds",
    "0:1",
    "--set",
    "design=iid",
    "--optimum",
    "lr=1,wd=0.1",
]


@pytest.fixture
def place(tmp_path):
    (tmp_path / "r.csv").write_text(f"model,lr,wd,F1,val_loss\n{ROWS}c,1,0.1,nan,nan\nc,2,0.1,0.5,1\n")
    return tmp_path


def test_cdf_speaks_of_the_metric(place, sweep):
    code, out, err = sweep("cdf", *FLAGS, "--nan", "diverged", "--absolute", "--out", "f.svg")
    assert code == 0, err
    assert (
        "F1, higher is better, 0 to 1; ≤x: share of trials at most x below the F1 at the optimum"
        in " ".join(out.split())
    )
    assert "A diverged trial counts as F1 0" in " ".join(out.split())
    assert "within 0.04 of its optimum" in out
    assert "F1 0.890 at the optimum" in out
    assert "%; " not in out + err
    assert "error" not in out.replace("standard error", "") + err


def test_compare_speaks_of_the_metric(place, sweep):
    flags = [*FLAGS, "--nan", "failed", "--model", "a", "--model", "b"]
    code, out, err = sweep("compare", *flags, "--out", "pairs.csv")
    assert code == 0, err
    assert "F1, higher is better, 0 to 1" in " ".join(out.split())
    assert "errors" not in out + err
    assert "points in the median" not in out
    code, out, err = sweep("compare", *flags, "--json")
    assert code == 0, err
    assert json.loads(out)["sweeps"][0]["at_optimum"] == pytest.approx(0.89)
    code, _, err = sweep("compare", *flags, "--margin", "error=0.5")
    assert code == 2
    assert "a margin of F1 is one of the area" in err


def test_knobs_speak_of_the_metric(place, sweep):
    rows = "".join(f"m,{lr},0.1,{(0.9 - 0.01 * lr) if lr < 50 else 'nan'}\n" for lr in range(1, 101))
    (place / "k.csv").write_text(f"model,lr,wd,F1\n{rows}")
    flags = ["--from", "k.csv", "--metric", "F1", "--set", "design=iid", "--nan", "diverged"]
    code, out, err = sweep("knobs", *flags, "--bounds", "0:1", "--out", "k.svg")
    assert code == 0, err
    text = " ".join(out.split())
    assert "of how F1 differs" in text
    assert "the median F1 is over 0.1 worse than where the mean F1 is best" in text
    assert "the variance of F1, diverged trials at F1 0, that the mean F1 at each value makes up" in text
    assert "error" not in out + err
    code, out, err = sweep("knobs", *flags, "--json")
    assert code == 0, err
    assert [json.loads(out)[0][name] for name in ("metric", "ranks")] == ["F1", True]
    code, _, err = sweep("knobs", *flags, "--bounds", "0:1", "--cliff", "2")
    assert code == 2
    assert "--cliff must lie between 0 and 1, got 2" in err


def test_exported_trials_need_no_flags_any_more(place, sweep):
    code, _, err = sweep("export", *FLAGS, "--nan", "diverged", "--out", "t.csv")
    assert code == 0, err
    _, before, _ = sweep("cdf", *FLAGS, "--nan", "diverged", "--absolute", "--out", "f.svg")
    code, after, err = sweep("cdf", "--from", "t.csv", "--absolute", "--out", "g.svg")
    assert code == 0, err
    assert after.replace("g.svg", "f.svg") == before
    assert (place / "f.svg").read_bytes() == (place / "g.svg").read_bytes()
    table = pd.read_csv(place / "t.csv")
    assert table["top1_err"].isna().all()
    assert set(table["metric"]) == {"F1"}


def test_reports_speak_of_the_metric(place, sweep):
    for words in (["--out", "r.html"], ["--bundle", "site"]):
        code, _, err = sweep("report", *FLAGS, "--nan", "diverged", *words)
        assert code == 0, err
    pages = [
        place / "r.html",
        *(path for path in (place / "site").glob("*.html") if path.name != "index.html"),
    ]
    assert len(pages) == 2
    for page in pages:
        assert "Share of trials with at least this F1" in page.read_text()
    assert "of the F1 at the optimum: " in (place / "site" / "index.html").read_text()


def test_the_column_of_a_table_is_no_metric_of_our_own_sweeps(place, results, refused):
    said = refused("export", "--metric", "F1", "--out", "t.csv")
    assert "unknown --metric 'F1'. Known: top1_err" in said


def test_two_metrics_are_refused(place, sweep, refused):
    for name in ("F1", "val_loss"):
        flags = ["--from", f"r.csv,recipe={name}", "--metric", name, "--nan", "diverged"]
        assert sweep("export", *flags, "--out", f"{name}.csv")[0] == 0
    message = refused("cdf", "--from", "F1.csv", "--from", "val_loss.csv", "--absolute", "--out", "f.pdf")
    assert "trials are compared by one metric, got 2: F1, higher is better" in message
