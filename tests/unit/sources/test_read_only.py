"""Whatever is read of a user's files and databases, they are byte for byte what they were."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pandas as pd
import pytest
import support
from mlflow import MlflowClient
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from PIL import Image

from sweep.data.datasets import open_dataset
from sweep.errors import InputError
from sweep.recipes.recipe import Recipe
from sweep.sources.formats import read
from sweep.sources.mapping import Mapping

ROWS = pd.DataFrame({"model": "m", "lr": [0.1, 0.2, 0.3], "err": [5.0, 6.0, 7.0]})
MAPPING = Mapping(constants={"model": "m"}, accuracy=False, fraction=False, nan="failed")


def a_table(folder):
    ROWS.to_csv(folder / "t.csv", index=False)
    return "t.csv"


def a_parquet_table(folder):
    ROWS.to_parquet(folder / "t.parquet")
    return "t.parquet"


def a_pycls_sweep(folder):
    log = {"epoch_ind": [1], "epoch_max": [1], "top1_err": [5.0]}
    (folder / "sweep.json").write_text(json.dumps([{"cfg": {"LR": 0.1}, "test_epoch": log}]))
    return "sweep.json"


def a_study(folder, storage="sqlite:///optuna.db"):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, study_name="s")
    study.optimize(lambda trial: 5 + trial.suggest_float("lr", 0.1, 1.0), n_trials=3)
    return "sqlite:///optuna.db::s"


def a_study_with_a_log(folder):
    name = a_study(folder)
    with closing(sqlite3.connect(folder / "optuna.db")) as file:
        file.execute("pragma journal_mode=wal")
        file.execute("update studies set study_name = 't'")
        file.commit()
        for path in list(folder.iterdir()):  # as a machine that went down leaves it
            shutil.copy(path, folder / f"left-{path.name}")
    for path in folder.glob("optuna.db*"):
        path.unlink()
    for path in folder.glob("left-*"):
        path.rename(folder / path.name.removeprefix("left-"))
    return name.replace("::s", "::t")


def an_old_study(folder):
    with closing(sqlite3.connect(folder / "old.db")) as file:
        file.executescript((Path(support.__path__[0]) / "optuna_2_10.sql").read_text())
    return "sqlite:///old.db::old"


def a_study_in_a_journal(folder):
    a_study(folder, JournalStorage(JournalFileBackend(str(folder / "journal.log"))))
    return "optuna:journal.log::s"


def a_folder_of_ray(folder):
    (folder / "exp/a").mkdir(parents=True)
    (folder / "exp/a/params.json").write_text('{"lr": 0.1}')
    (folder / "exp/a/result.json").write_text('{"err": 5.0, "training_iteration": 1}\n{"err"')
    state = {"trial_id": "a", "config": {"lr": 0.1}, "status": "TERMINATED", "relative_logdir": "a"}
    (folder / "exp/experiment_state-1.json").write_text(json.dumps({"checkpoints": [json.dumps(state)]}))
    return "exp"


def an_mlflow_database(folder, journal_mode="delete"):
    client = MlflowClient(f"sqlite:///{folder}/theirs.db")
    experiment = client.create_experiment("theirs", artifact_location=str(folder))
    for i in range(3):
        run = client.create_run(experiment).info.run_id
        client.log_param(run, "lr", str(0.1 + i))
        client.log_metric(run, "err", 5.0 + i)
        client.set_terminated(run)
    return "mlflow:theirs"


def an_older_mlflow_database(folder):
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config

    name = an_mlflow_database(folder)
    command.downgrade(_get_alembic_config(f"sqlite:///{folder}/theirs.db"), "-1")
    return name


def an_mlflow_folder(folder):
    run = folder / "mlruns/1/r"
    (run / "metrics").mkdir(parents=True)
    (run / "params").mkdir()
    (folder / "mlruns/1/meta.yaml").write_text("experiment_id: '1'\nname: theirs\n")
    (run / "meta.yaml").write_text("status: 3\n")
    (run / "metrics/err").write_text("1 5.0 0\n")
    (run / "params/lr").write_text("0.1")
    return "mlruns/"


def a_folder_of_timm(folder):
    (folder / "train/a").mkdir(parents=True)
    (folder / "train/a/args.yaml").write_text("epochs: 1\nlr: 0.1\n")
    (folder / "train/a/summary.csv").write_text("epoch,train_loss,err\n0,1.0,5.0\n")
    return "train"


def a_folder_of_wandb(folder):
    files = folder / "wandb/run-20240101_000000-a/files"
    files.mkdir(parents=True)
    (files / "config.yaml").write_text("lr:\n  value: 0.1\n")
    (files / "wandb-summary.json").write_text('{"err": 5.0}')
    return "wandb"


SOURCES = [
    a_table,
    a_parquet_table,
    a_pycls_sweep,
    a_study,
    a_study_with_a_log,
    an_old_study,
    a_study_in_a_journal,
    a_folder_of_ray,
    an_mlflow_database,
    an_older_mlflow_database,
    an_mlflow_folder,
    a_folder_of_timm,
    a_folder_of_wandb,
]


def contents(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("make", SOURCES, ids=lambda make: make.__name__)
def test_reading_trials_changes_no_byte(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    name = make(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/theirs.db")
    before = contents(tmp_path)
    assert len(read([name], MAPPING).table) >= 1
    with pytest.raises(InputError):
        read([name], Mapping(columns={"lr": "no such column"}))
    assert contents(tmp_path) == before


def test_reading_images_changes_no_byte(tmp_path):
    for split in ("train", "val"):
        for name in "ab":
            (tmp_path / split / name).mkdir(parents=True)
            for i in range(4):
                Image.new("RGBA", (9, 9), (i, 0, 0, 100)).save(tmp_path / split / name / f"{i}.png")
    (tmp_path / "train/a/broken.jpg").write_bytes(b"\xff\xd8\xff")
    before = contents(tmp_path)
    recipe = Recipe(name="r", dataset="folder", max_px=8, epochs=1, batch=2, warmup_epochs=0)
    dataset = open_dataset(recipe, tmp_path, skip_corrupt=True)
    assert dataset.fingerprint
    assert dataset.load(8).train.pixels.shape[1:] == (8, 8, 3)
    assert contents(tmp_path) == before
