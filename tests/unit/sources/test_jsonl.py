import json

import pytest

from sweep.errors import InputError
from sweep.sources.formats import read
from sweep.sources.mapping import Mapping

CURVE = [{"epoch": 0, "top_1": 0.25, "top_5": 0.5}, {"epoch": 1, "top_1": 0.75, "top_5": 0.875}]
TRIALS = [
    {
        "iteration": 1,
        "nan_train_loss": False,
        "epochs": 2,
        "lr": 0.1,
        "momentum": 0.5,
        "learning_curve": CURVE,
    },
    {
        "iteration": 2,
        "nan_train_loss": True,
        "epochs": 3,
        "lr": 9.0,
        "momentum": 0.9,
        "learning_curve": CURVE[:1],
    },
    {"iteration": 3, "nan_train_loss": True, "epochs": 4, "lr": 50, "momentum": 0.9, "learning_curve": []},
    {
        "iteration": 4,
        "nan_train_loss": False,
        "epochs": 1,
        "lr": 0.2,
        "momentum": 0.7,
        "learning_curve": CURVE[:1],
    },
]  # as opda writes them


def write(path, trials):
    path.write_text("".join(json.dumps(trial) + "\n" for trial in trials))
    return str(path)


def test_a_random_search_with_learning_curves_needs_no_script(tmp_path):
    own = ",model=alexnet"
    imported = read([write(tmp_path / "r.jsonl", TRIALS) + own], Mapping(fraction=True))
    table = imported.table
    assert table["top1_err"].tolist() == [25.0, 100.0, 100.0, 75.0]
    assert table["state"].tolist() == ["finished", "diverged", "diverged", "finished"]
    assert table["best_top1_err"].tolist()[0] == 25.0
    assert table["epochs"].tolist() == [2, 1, 0, 1]  # that were evaluated
    assert table["hp.epochs"].tolist() == [2, 3, 4, 1]  # that were wanted
    assert table["hp.momentum"].tolist() == [0.5, 0.9, 0.9, 0.7]
    assert "hp.lr" not in table
    assert imported.warnings == []  # no scheduler stopped the trial of one epoch


def test_the_curve_of_a_single_metric_is_a_list_of_numbers(tmp_path):
    trials = [
        {"model": "m", "lr": 1, "val_acc": [10.0, 80.0, 70.0]},
        {"model": "m", "lr": 2, "val_acc": [50.0]},
    ]
    table = read([write(tmp_path / "r.ndjson", trials)], Mapping()).table
    assert table["top1_err"].tolist() == [30.0, 50.0]
    assert table["best_top1_err"].tolist() == [20.0, 50.0]


def test_nested_settings_are_found_by_their_names(tmp_path):
    trials = [
        {"config": {"lr": lr, "optim": {"beta2": beta2}, "aug": aug}, "model": "m", "err": 5.0, "gpu": lr}
        for lr, beta2, aug in ((1, 0.9, "flip"), (2, 0.99, "none"))
    ]
    table = read([write(tmp_path / "r.jsonl", trials)], Mapping()).table
    assert table["hp.beta2"].tolist() == [0.9, 0.99]
    assert table["hp.aug"].tolist() == ["flip", "none"]
    assert [c for c in table if c.startswith("hp.")] == ["hp.beta2", "hp.aug"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ("[1, 2]\n", "line 1 must be a JSON object, got '[1, 2]'"),
        ("\n\n", "is empty"),
        ("[" * 100_000 + "\n", "line 1 is not JSON"),
    ],
)
def test_what_is_no_json_lines_is_refused(text, message, tmp_path):
    (tmp_path / "r.jsonl").write_text(text)
    with pytest.raises(InputError, match=message.replace("[", r"\[")):
        read([str(tmp_path / "r.jsonl")], Mapping())
