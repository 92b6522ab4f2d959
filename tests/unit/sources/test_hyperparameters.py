import numpy as np
import pandas as pd
import pytest

from sweep.sources.formats import read
from sweep.sources.mapping import Mapping

N = 24


def a_table(**columns):
    given = {"model": "m", "lr": np.linspace(0.1, 1, N), "wd": 0.1, "err": np.linspace(5, 50, N)}
    return pd.DataFrame(given | columns, index=range(N))


@pytest.fixture
def further(tmp_path):
    """Return the hyperparameters that are read of a table, beside lr and weight decay."""

    def call(table: pd.DataFrame, **mapping) -> dict[str, list]:
        table.to_csv(tmp_path / "t.csv", index=False)
        got = read([str(tmp_path / "t.csv")], Mapping(**mapping)).table
        return {str(c)[3:]: got[c].tolist() for c in got if str(c).startswith("hp.")}

    return call


def test_what_was_varied_is_a_hyperparameter_and_what_was_noted_is_none(further):
    momentum = [0.5, 0.9] * (N // 2)
    table = a_table(
        momentum=momentum,
        warmup_epochs=[0, 5] * (N // 2),
        aug=["flip", "none"] * (N // 2),
        train_loss=np.linspace(1, 2, N),
        top5_err=1.0,
        run_id=[f"r{i}" for i in range(N)],
        number=range(N),
        row=range(10, 10 + N),
        start_time=np.linspace(1e9, 1e9 + 5, N),
        remarks=[f"remark {i}" for i in range(N)],
    )
    found = further(table)
    assert list(found) == ["momentum", "warmup_epochs", "aug"]
    assert found["momentum"] == momentum
    assert found["aug"][:2] == ["flip", "none"]


def test_where_an_export_marks_its_settings_nothing_else_is_one(further):
    table = a_table(**{"config.beta2": [0.9, 0.99] * (N // 2), "dropout": [0.0, 0.1] * (N // 2)})
    assert list(further(table)) == ["beta2"]
    assert list(further(table, over=("dropout",))) == ["dropout"]
    assert list(further(table, over=("config.beta2", "lr"))) == ["beta2"]


def test_settings_of_one_name_are_told_apart(further):
    table = a_table(**{"config/a/rate": [1, 2] * (N // 2), "config/b/rate": [3, 4] * (N // 2)})
    assert set(further(table)) == {"a.rate", "b.rate"}


def test_what_is_the_same_in_all_trials_is_named_once_and_left_out(tmp_path):
    for name in "ab":
        a_table(model=name, batch_size=64, dropout=[0.0, 0.1] * (N // 2)).to_csv(tmp_path / f"{name}.csv")
    imported = read([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")], Mapping())
    assert [c for c in imported.table if c.startswith("hp.")] == ["hp.dropout"]
    assert sum("the same in all trials, so left out: batch_size 64" in line for line in imported.preview) == 1


def test_trials_that_differ_in_momentum_alone_are_no_repeats_of_one_point(tmp_path):
    table = a_table(lr=0.1, momentum=[0.5, 0.9] * (N // 2), seed=np.arange(N) // 2)
    table.to_csv(tmp_path / "t.csv", index=False)
    got = read([str(tmp_path / "t.csv")], Mapping()).table
    assert (got["role"] == "point").sum() == 2
    assert got[got["role"] == "repeat"].groupby("index")["hp.momentum"].nunique().tolist() == [1, 1]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_exported_hyperparameters_are_read_back_as_they_were_written(suffix, sweep, tmp_path):
    table = a_table(
        momentum=np.random.default_rng(0).random(N), layers=[2, 3] * (N // 2), aug=["flip", "none"] * (N // 2)
    )
    table.to_csv(tmp_path / "t.csv", index=False)
    assert sweep("export", "--from", "t.csv", "--out", f"a.{suffix}")[0] == 0
    assert sweep("export", "--from", f"a.{suffix}", "--out", f"b.{suffix}")[0] == 0
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    again = read([str(tmp_path / f"b.{suffix}")], Mapping())
    assert again.table["hp.momentum"].tolist() == table["momentum"].tolist()
    assert again.table["hp.layers"].tolist() == table["layers"].tolist()
    assert not any("not used" in line for line in again.preview)


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ("momentun", "unknown --over name 'momentun'. Did you mean momentum?"),
        (
            "batch_size",
            "--over batch_size: it is 64 in all trials, so that nothing depends on it. Leave it out",
        ),
        ("layers", "layers must hold numbers, got 'two' in row 2"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(over, message, sweep, tmp_path):
    table = a_table(momentum=[0.5, 0.9] * (N // 2), batch_size=64, layers=["1", "two"] + ["3"] * (N - 2))
    table.to_csv(tmp_path / "t.csv", index=False)
    code, _, err = sweep("export", "--from", "t.csv", "--over", over, "--out", "x.csv")
    assert code == 2
    assert message in " ".join(err.split())


def test_a_truth_value_tells_which_trials_diverged(tmp_path):
    for cells, states in (([True, False], ["diverged", "finished"]), (["yes", "no"], ["finished"] * 2)):
        pd.DataFrame({"model": "m", "err": [50.0, 5.0], "diverged": cells}).to_csv(
            tmp_path / "t.csv", index=False
        )
        assert read([str(tmp_path / "t.csv")], Mapping()).table["state"].tolist() == states


def test_rows_that_differ_in_their_seed_alone_are_one_point(tmp_path, sweep):
    rng = np.random.default_rng(0)
    grid = [(lr, wd) for lr in (0.1, 0.2, 0.4) for wd in (0.01, 0.1, 1.0)]
    rows = [("m", lr, wd, 20 + 10 * lr + rng.normal()) for lr, wd in grid for _ in range(15)]
    pd.DataFrame(rows, columns=["model", "lr", "wd", "err"]).to_csv(tmp_path / "t.csv", index=False)
    imported = read([str(tmp_path / "t.csv")], Mapping())
    assert imported.table["role"].value_counts().to_dict() == {"repeat": 126, "point": 9}
    assert any(
        "9 points with up to 15 seeds each, which agree in every hyper" in line for line in imported.preview
    )
    code, out, _ = sweep("cdf", "--from", "t.csv", "--set", "design=iid", "--absolute", "--out", "f.png")
    assert code == 0
    assert "9 points, each the mean of 15 seeds: the standard deviation is" in out
    assert "noise makes up" in out


def test_a_seed_that_occurs_twice_at_one_point_says_that_something_else_differs(tmp_path):
    a_table(lr=0.1, seed=[0, 1] * (N // 2)).to_csv(tmp_path / "t.csv", index=False)
    assert set(read([str(tmp_path / "t.csv")], Mapping()).table["role"]) == {"point"}
