"""Files of other tools of which others have reported that they cannot be read; benchmarks/wild.md."""

import json
import math

import pytest

from sweep.errors import InputError
from sweep.sources.formats import read
from sweep.sources.mapping import Mapping

MODEL = {"model": "m"}


def test_the_log_of_one_run_is_no_sweep(tmp_path):
    """As timm's summary.csv: every epoch would be a trial."""
    rows = [f"{epoch},{2 - epoch / 10},{1.9 - epoch / 10},{50 + epoch},0.1\n" for epoch in range(5)]
    (tmp_path / "summary.csv").write_text("epoch,train_loss,eval_loss,eval_top1,lr\n" + "".join(rows))
    with pytest.raises(InputError, match=r"is the log of one run: its epoch counts on from row to row"):
        read([str(tmp_path / "summary.csv")], Mapping(constants=MODEL))


def test_equal_epochs_of_several_trials_are_no_log(tmp_path):
    rows = "".join(f"m,{epochs},0.{i},{50 + i}\n" for i, epochs in enumerate((90, 90, 91, 90), 1))
    (tmp_path / "t.csv").write_text("model,epoch,lr,acc\n" + rows)
    assert len(read([str(tmp_path / "t.csv")], Mapping()).table) == 4


def a_run_of_timm(folder, name, lr, epochs, *, loss=1.0):
    run = folder / name
    run.mkdir(parents=True)
    (run / "args.yaml").write_text(
        f"epochs: 3\nexperiment: {name}\nlr: {lr}\nmodel: resnet18\nopt: sgd\nseed: 42\n"
        f"smoothing: {lr}\nweight_decay: 2.0e-05\nworkers: 4\n"
    )
    header = "epoch,train_loss,eval_loss,eval_top1,eval_top5,lr\n"
    lines = [f"{i},{loss if i == 2 else 2.0},1.0,{60 + 10 * i},90.0,{lr / 2}\n" for i in range(epochs)]
    (run / "summary.csv").write_text(header + "".join(lines[:2]) + header + "".join(lines[1:]))


def test_runs_of_timm_are_trials(tmp_path):
    """A run that was resumed has its header, and an epoch, twice."""
    for name, lr, epochs, loss in (("a", 0.1, 3, 1), ("b", 0.2, 2, 1), ("c", 0.3, 3, math.nan)):
        a_run_of_timm(tmp_path / "train", name, lr, epochs, loss=loss)
    table = read([str(tmp_path / "train")], Mapping()).table
    assert table["model"].unique().tolist() == ["resnet18"]
    assert table["optimizer"].unique().tolist() == ["sgd"]
    assert table["lr"].tolist() == [0.1, 0.2, 0.3]
    assert table["state"].tolist() == ["finished", "running", "diverged"]
    assert table["top1_err"].fillna(-1).tolist() == [20, -1, 100]
    assert table["epochs"].tolist() == [3, 2, 3]
    assert table["hp.smoothing"].tolist() == [0.1, 0.2, 0.3]
    assert "hp.workers" not in table


def a_run_of_wandb(folder, name, lr, summary):
    files = folder / "wandb" / name / "files"
    files.mkdir(parents=True)
    (files / "config.yaml").write_text(
        "wandb_version: 1\n_wandb:\n  desc: null\n  value: {python_version: 3.8}\n"
        f"lr:\n  desc: null\n  value: {lr}\noptim:\n  desc: null\n  value:\n    wd: 0.05\n"
    )
    if summary is not None:
        (files / "wandb-summary.json").write_text(json.dumps(summary))


def test_the_folder_of_wandb_is_read(tmp_path):
    for name, lr, summary in (
        ("offline-run-20240101_000000-aaa", 0.1, {"val_acc": 0.5, "_runtime": 9.0, "_wandb": {"runtime": 9}}),
        ("run-20240101_000100-bbb", 0.2, {"val_acc": 0.1}),
        ("run-20240102_000000-bbb", 0.2, {"val_acc": 0.7}),
        ("run-20240103_000000-ccc", 0.3, {"val_acc": "NaN"}),
        ("run-20240104_000000-ddd", 0.4, None),
    ):
        a_run_of_wandb(tmp_path, name, lr, summary)
    (tmp_path / "wandb/latest-run").symlink_to("run-20240104_000000-ddd")
    (tmp_path / "wandb/offline-run-20240105_000000-eee").mkdir()
    for place in (tmp_path, tmp_path / "wandb"):
        got = read([str(place)], Mapping(constants=MODEL, fraction=True, nan="diverged"))
        assert got.table["lr"].tolist() == [0.1, 0.2, 0.3, 0.4]
        assert got.table["weight_decay"].tolist() == [0.05] * 4
        assert got.table["state"].tolist() == ["finished", "finished", "diverged", "running"]
        assert got.table["top1_err"].fillna(-1).round(9).tolist() == [50, 30, 100, -1]
        assert "left out, as W&B alone can read them: offline-run-20240105_000000-eee" in "\n".join(
            got.preview
        )


def test_runs_that_wandb_alone_can_read_are_told(tmp_path):
    (tmp_path / "wandb/offline-run-20240105_000000-eee").mkdir(parents=True)
    with pytest.raises(InputError, match=r"in files that W&B alone can read. `wandb sync`"):
        read([str(tmp_path)], Mapping(constants=MODEL))


def test_numbers_that_json_has_not_may_be_texts(tmp_path):
    trials = [
        {"lr": 0.1, "acc": [0.5, "NaN"]},
        {"lr": 0.2, "acc": [0.25, 0.75]},
        {"lr": 0.3, "acc": ["Infinity"]},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, trials)))
    table = read([str(tmp_path / "t.jsonl")], Mapping(constants=MODEL, fraction=True, nan="diverged")).table
    assert table["state"].tolist() == ["diverged", "finished", "diverged"]
    assert table["top1_err"].tolist() == [100, 25, 100]


def test_the_table_of_optunas_dashboard_is_read(tmp_path):
    rows = (
        "0,Complete,0.9,0.01,0.1,a\n1,Pruned,,0.02,0.1,b\n2,Complete,0.8,0.03,0.1,a\n3,Running,,0.04,0.1,a\n"
    )
    (tmp_path / "trials.csv").write_text("Number,State,Value,Param lr,Param wd,Param augment\n" + rows)
    words = Mapping(constants=MODEL, accuracy=True, fraction=True)
    table = read([str(tmp_path / "trials.csv")], words).table
    assert table["lr"].tolist() == [0.01, 0.02, 0.03, 0.04]
    assert table["weight_decay"].tolist() == [0.1] * 4
    assert table["state"].tolist() == ["finished", "failed", "finished", "running"]
    assert table["hp.augment"].tolist() == ["a", "b", "a", "a"]


def test_optunas_table_with_two_rows_of_names_is_read(tmp_path):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    study.optimize(lambda trial: 50 + trial.suggest_float("lr", 0.1, 1) + trial.suggest_float("wd", 0, 1), 4)
    study.trials_dataframe(multi_index=True).to_csv(tmp_path / "t.csv")
    table = read([str(tmp_path / "t.csv")], Mapping(constants=MODEL, accuracy=True)).table
    assert table["lr"].tolist() == [trial.params["lr"] for trial in study.trials]
    assert table["weight_decay"].tolist() == [trial.params["wd"] for trial in study.trials]
    assert table["top1_err"].tolist() == [100 - trial.value for trial in study.trials]


def test_a_journal_of_optuna_with_a_damaged_line_names_it(tmp_path):
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    path = tmp_path / "journal.log"
    study = optuna.create_study(storage=JournalStorage(JournalFileBackend(str(path))), study_name="s")
    study.optimize(lambda trial: trial.suggest_float("lr", 0.1, 1.0), n_trials=3)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:5], lines[5][:20], *lines[6:]]))
    with pytest.raises(InputError, match=rf"line 6 of {len(lines) - 1} is no JSON.*head -n 5"):
        read([f"optuna:{path}::s"], Mapping(constants=MODEL, fraction=True, accuracy=False))
    path.write_bytes(b"".join(lines)[:-10])  # cut off at its end: as Optuna reads it itself
    table = read([f"optuna:{path}::s"], Mapping(constants=MODEL, fraction=True, accuracy=False)).table
    assert table["state"].tolist() == ["finished", "finished", "running"]


def test_a_damaged_experiment_or_run_of_the_file_store_is_in_nobodys_way(tmp_path):
    """MLflow logs "Malformed experiment" and goes on; a run without its status ended badly, and counts."""
    for name in ("1", "2"):
        for run in ("a", "b"):
            (tmp_path / name / run / "metrics").mkdir(parents=True)
            (tmp_path / name / run / "meta.yaml").write_text("status: 3\n")
            (tmp_path / name / run / "metrics/err").write_text("1 5.0 0\n")
        (tmp_path / name / "meta.yaml").write_text(f"experiment_id: '{name}'\nname: e{name}\n")
    (tmp_path / "2/meta.yaml").write_text("")
    (tmp_path / "1/b/meta.yaml").write_text("")
    words = {"constants": MODEL, "accuracy": False, "fraction": False}
    with pytest.raises(InputError, match=r"1 of 2 trials have no finite .*: 1 ended badly"):
        read([f"{tmp_path}::e1"], Mapping(**words))
    assert read([f"{tmp_path}::e1"], Mapping(**words, nan="failed")).table["state"].tolist() == [
        "finished",
        "failed",
    ]
    with pytest.raises(InputError, match=r"unknown MLflow experiment 'e2'.*2/meta.yaml cannot be read"):
        read([f"{tmp_path}::e2"], Mapping(**words))


def test_what_ray_pickled_among_the_settings_is_no_hyperparameter(tmp_path):
    for i in range(8):
        (tmp_path / f"t{i}").mkdir()
        pickled = {"_type": "CLOUDPICKLE_FALLBACK", "_value": f"80{i % 2}"}
        config = {"lr": 0.1 + i, "head": pickled, "opt": {"momentum": 0.5 + i / 10, "schedule": pickled}}
        (tmp_path / f"t{i}/params.json").write_text(json.dumps(config))
        (tmp_path / f"t{i}/result.json").write_text('{"err": 5.0, "training_iteration": 1}\n')
    table = read([str(tmp_path)], Mapping(constants=MODEL, fraction=False)).table
    assert [column for column in table if column.startswith("hp.")] == ["hp.momentum"]


def test_a_trial_that_ray_restored_has_its_epochs_twice(tmp_path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/params.json").write_text('{"lr": 0.1}')
    lines = [{"err": 50.0 - i, "training_iteration": i} for i in (1, 2, 3, 2, 3, 4)]
    (tmp_path / "t/result.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    table = read([str(tmp_path)], Mapping(constants=MODEL, fraction=False)).table
    assert (table["epochs"].tolist(), table["top1_err"].tolist()) == ([4], [46.0])
