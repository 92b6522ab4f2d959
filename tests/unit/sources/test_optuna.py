import math
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import optuna
import pandas as pd
import pytest
import support
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from sweep.errors import InputError
from sweep.sources.formats import read
from sweep.sources.mapping import Mapping

optuna.logging.set_verbosity(optuna.logging.ERROR)


def objective(trial):
    lr = trial.suggest_float("lr", 1e-4, 1e-1, log=True)
    trial.suggest_float("weight_decay", 1e-3, 1.0, log=True)
    trial.set_user_attr("seed", trial.number)
    if trial.number == 2:
        return math.nan
    if trial.number == 3:
        raise RuntimeError("CUDA error")
    if trial.number == 4:
        trial.report(0.9, 1)
        raise optuna.TrialPruned
    return 1.0 - lr


def a_study(storage, name="vit", direction="maximize"):
    study = optuna.create_study(
        storage=storage, study_name=name, direction=direction, sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.optimize(objective, n_trials=8, catch=RuntimeError)
    study.enqueue_trial({"lr": 0.01, "weight_decay": 0.1})
    study.enqueue_trial({"lr": 0.02, "weight_decay": 0.1})
    study.ask()
    return study


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    path = tmp_path_factory.mktemp("optuna") / "optuna.db"
    return path, a_study(f"sqlite:///{path}")


@pytest.fixture
def study(made, tmp_path):
    path, study = made
    shutil.copy(path, tmp_path)
    return study


def got(tmp_path, **mapping):
    mapping = {"constants": {"model": "vit"}, "fraction": True, "nan": "diverged"} | mapping
    return read([f"sqlite:///{tmp_path}/optuna.db::vit"], Mapping(**mapping))


def test_a_study_is_read_as_optuna_itself_reads_it(study, tmp_path):
    frame, read_ = study.trials_dataframe(), got(tmp_path)
    table = read_.table
    assert len(table) == len(frame) == 10
    done = (frame["state"] == "COMPLETE").to_numpy()
    assert table["lr"].tolist() == pytest.approx(frame["params_lr"].tolist(), nan_ok=True, abs=0, rel=0)
    seconds = frame["duration"].dt.total_seconds()
    assert table["wall_s"][done].tolist() == pytest.approx(seconds[done].tolist())
    assert table["seed"][done].tolist() == frame["number"][done].tolist()
    assert table["top1_err"][done].to_numpy() == pytest.approx(
        100.0 - 100.0 * frame["value"][done].to_numpy()
    )
    assert table["state"].tolist() == [
        "finished",
        "finished",
        "diverged",
        "diverged",
        "failed",
        "finished",
        "finished",
        "finished",
        "running",
        "planned",
    ]
    shown = "\n".join(read_.preview)
    assert "Optuna's states: 5 COMPLETE, 2 FAIL, 1 PRUNED, 1 RUNNING, 1 WAITING" in shown
    assert "objectives that returned NaN" in shown
    assert "1 of 10 trials were stopped early" in read_.warnings[0]


def test_what_failed_means_is_asked(study, tmp_path):
    with pytest.raises(ValueError, match=r"2 of 10 trials have no finite value: 2 .* \(rows 3, 4\)"):
        got(tmp_path, nan=None)
    assert got(tmp_path, nan="failed").table["state"].value_counts()["failed"] == 3


def test_a_table_that_optuna_made_of_a_study_says_the_same(study, tmp_path):
    study.trials_dataframe().to_csv(tmp_path / "study.csv", index=False)
    mapping = {"constants": {"model": "vit"}, "fraction": True, "accuracy": True}
    with pytest.raises(InputError, match=r"2 of 10 trials have no finite value: 2 .* \(rows 3, 4\)"):
        read([str(tmp_path / "study.csv")], Mapping(**mapping))
    table = read([str(tmp_path / "study.csv")], Mapping(**mapping, nan="diverged")).table
    columns = ["index", "lr", "weight_decay", "state", "top1_err"]
    pd.testing.assert_frame_equal(table[columns], got(tmp_path).table[columns])


def test_the_direction_says_what_the_metric_is(tmp_path):
    a_study(f"sqlite:///{tmp_path}/optuna.db", direction="minimize")
    assert got(tmp_path).table["top1_err"].min() > 90.0


def test_reading_leaves_the_storage_as_it_was(study, sweep, tmp_path):
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as file:
        file.execute("drop table trial_heartbeats")  # as in the storage of an older Optuna
    before = (tmp_path / "optuna.db").read_bytes()
    words = ("--set", "model=vit", "--fraction", "--nan", "failed", "--out", "t.csv")
    for source in ("sqlite:///optuna.db::vit", "optuna:sqlite:///optuna.db::vit", "optuna:optuna.db::vit"):
        assert sweep("export", "--from", source, *words)[0] == 0
    assert (tmp_path / "optuna.db").read_bytes() == before
    assert len(pd.read_csv(tmp_path / "t.csv")) == 10


def test_a_journal_file_is_a_storage_too(tmp_path):
    a_study(JournalStorage(JournalFileBackend(str(tmp_path / "journal.log"))))
    mapping = Mapping(constants={"model": "vit"}, fraction=True, nan="failed")
    table = read([f"optuna:{tmp_path}/journal.log::vit"], mapping).table
    assert table["state"].value_counts().to_dict() == {"finished": 5, "failed": 3, "running": 1, "planned": 1}


def test_of_several_objectives_one_is_named(tmp_path):
    study = optuna.create_study(
        storage=f"sqlite:///{tmp_path}/optuna.db", study_name="vit", directions=["minimize", "minimize"]
    )
    study.optimize(lambda trial: (trial.suggest_float("lr", 0.1, 1.0), 7.0), n_trials=3)
    with pytest.raises(ValueError, match=r"which column is top1_err.* values_0, values_1"):
        got(tmp_path)
    mapping = {"columns": {"top1_err": "values_1"}, "accuracy": False, "fraction": False}
    assert got(tmp_path, **mapping).table["top1_err"].tolist() == [7.0] * 3


def test_what_is_no_study_is_refused_and_left_alone(study, sweep, tmp_path):
    (tmp_path / "garbage.db").write_bytes(
        bytes(np.random.default_rng(0).integers(0, 256, 4096, dtype=np.uint8))
    )
    (tmp_path / "cut.db").write_bytes((tmp_path / "optuna.db").read_bytes()[:5000])
    (tmp_path / "text.log").write_text("hello\n")
    (tmp_path / "empty.log").write_text("")
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("create table runs (x)")
    other.close()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for source, message in (
        ("sqlite:///optuna.db::vot", "unknown study 'vot'. Did you mean vit?"),
        ("sqlite:///optuna.db::zzz", "Known: vit."),
        ("sqlite:///optuna.db", "Name it: sqlite:///optuna.db::STUDY"),
        ("sqlite:///none.db::vit", "there is no file none.db"),
        ("sqlite:///other.db::vit", "has no table alembic_version, studies"),
        ("sqlite:///garbage.db::vit", "file is not a database"),
        ("sqlite:///cut.db::vit", "is not an Optuna storage"),
        ("optuna:text.log::vit", "neither a SQLite nor a journal file"),
        ("optuna:empty.log::vit", "neither a SQLite nor a journal file"),
        ("optuna:none.log::vit", "no such file"),
        (
            "postgresql://me:secret@127.0.0.1:9/x::vit",
            "***@127.0.0.1:9/x cannot be read as an Optuna storage",
        ),
        ("nosuch://x::vit", "cannot be read as an Optuna storage"),
    ):
        code, out, err = sweep("export", "--from", source, "--set", "model=m", "--out", "o.csv")
        assert code == 2
        assert message in err
        assert "Traceback" not in out + err
        assert "secret" not in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def an_old_storage(path):
    """Write the storage of Optuna 2.10, whose tables are older."""
    script = Path(support.__path__[0]) / "optuna_2_10.sql"
    with closing(sqlite3.connect(path)) as file:
        file.executescript(script.read_text())


OLD = Mapping(constants={"model": "m"}, fraction=True)


def test_an_old_storage_is_upgraded_and_read_as_a_copy(tmp_path):
    an_old_storage(tmp_path / "old.db")
    before = (tmp_path / "old.db").read_bytes()
    found = read([f"sqlite:///{tmp_path}/old.db::old"], OLD)
    assert found.table["state"].value_counts().to_dict() == {"finished": 8, "failed": 2}
    assert "tables of an older Optuna (v2.6.0.a): a copy was upgraded and read" in "\n".join(found.preview)
    assert any("stopped early" in warning for warning in found.warnings)
    assert (tmp_path / "old.db").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["old.db"]


def test_a_storage_without_a_version_is_named_by_its_age(tmp_path):
    an_old_storage(tmp_path / "old.db")
    with closing(sqlite3.connect(tmp_path / "old.db")) as file:
        file.execute("drop table version_info")
    with pytest.raises(InputError, match=r"written by Optuna 0\.9 or earlier"):
        read([f"sqlite:///{tmp_path}/old.db::old"], OLD)


def test_what_is_not_yet_written_into_the_database_is_read_too(study, tmp_path):
    with closing(sqlite3.connect(tmp_path / "optuna.db")) as file:
        file.execute("pragma journal_mode=wal")
        file.execute("update studies set study_name = 'renamed'")
        file.commit()
        before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert "optuna.db-wal" in before
        mapping = Mapping(constants={"model": "vit"}, fraction=True, nan="failed")
        assert len(read([f"sqlite:///{tmp_path}/optuna.db::renamed"], mapping).table) == 10
        assert {p.name: p.read_bytes() for p in tmp_path.iterdir() if p.suffix != ".db-shm"} == {
            name: text for name, text in before.items() if not name.endswith("-shm")
        }


def test_every_parameter_of_a_study_is_a_hyperparameter(tmp_path):
    def objective(trial):
        lr, momentum = trial.suggest_float("lr", 0.1, 1), trial.suggest_float("momentum", 0.5, 1)
        trial.set_user_attr("machine", trial.number % 2)
        return lr if trial.suggest_categorical("aug", ["flip", "none"]) == "flip" else momentum

    study = optuna.create_study(storage=f"sqlite:///{tmp_path}/o.db", study_name="s")
    study.optimize(objective, n_trials=12)
    table = read(
        [f"sqlite:///{tmp_path}/o.db::s"], Mapping(constants={"model": "m"}, accuracy=False, fraction=True)
    ).table
    assert [c for c in table if c.startswith("hp.")] == ["hp.momentum", "hp.aug"]
    assert table["hp.momentum"].tolist() == [trial.params["momentum"] for trial in study.trials]
    assert table["hp.aug"].tolist() == [trial.params["aug"] for trial in study.trials]
