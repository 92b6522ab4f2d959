import json

import numpy as np
import pytest

from sweep.errors import InputError
from sweep.sources.formats import read
from sweep.sources.mapping import Mapping
from sweep.sources.metrics import asked, is_higher_better

F1 = asked("F1", bounds="0:1")


def table(tmp_path, text):
    (tmp_path / "r.csv").write_text(text)
    return [str(tmp_path / "r.csv")]


def test_a_column_is_read_as_it_is(tmp_path):
    source = table(tmp_path, "model,lr,wd,F1,momentum\nm,1,1,0.5,0.1\nm,2,1,0.75,0.9\n")
    trials = read(source, Mapping(metric=F1)).table
    assert trials["value"].tolist() == [0.5, 0.75]
    assert trials["top1_err"].isna().all()
    row = trials.iloc[0]
    assert (row["metric"], row["unit"], row["better"], row["low"], row["high"]) == ("F1", "", "higher", 0, 1)
    assert trials["hp.momentum"].tolist() == [0.1, 0.9]


def test_a_learning_curve_has_its_best_epoch_too(tmp_path):
    epochs = [
        {"epoch": e, "val_loss": v, "f1": f} for e, v, f in ((0, 2.0, 0.3), (1, 1.0, 0.5), (2, 1.5, 0.4))
    ]
    trial = {"model": "m", "lr": 1, "learning_curve": epochs}
    (tmp_path / "r.jsonl").write_text(json.dumps(trial) + "\n")
    for name, last, best, better in (("val_loss", 1.5, 1.0, "lower"), ("f1", 0.4, 0.5, "higher")):
        row = read([str(tmp_path / "r.jsonl")], Mapping(metric=asked(name))).table.iloc[0]
        assert (row["metric"], row["value"], row["best_value"], row["better"]) == (name, last, best, better)


def test_what_diverged_has_no_value(tmp_path):
    source = table(tmp_path, "model,lr,wd,F1\nm,1,1,0.5\nm,2,1,nan\n")
    read_as = read(source, Mapping(metric=F1, nan="diverged"))
    assert read_as.table["state"].tolist() == ["finished", "diverged"]
    assert np.isnan(read_as.table["value"][1])
    assert any("← F1: F1, higher is better, 0 to 1" in line for line in read_as.preview)


@pytest.mark.parametrize(
    ("column", "higher"),
    [
        ("val_loss", False),
        ("metrics.perplexity", False),
        ("top1_err", False),
        ("F1", True),
        ("summary/eval-mAP", True),
        ("mean return", True),
        ("val_acc1", True),
        ("floss", None),
        ("score", None),
    ],
)
def test_the_direction_is_told_by_a_name_that_says_it(column, higher):
    assert is_higher_better(column) is higher


def test_a_direction_that_no_name_tells_is_asked_for(tmp_path):
    source = table(tmp_path, "model,lr,wd,score\nm,1,1,0.5\n")
    with pytest.raises(InputError, match="is more of score better, or less"):
        read(source, Mapping(metric=asked("score")))
    assert read(source, Mapping(metric=asked("score", True))).table["better"].tolist() == ["higher"]


def test_values_out_of_bounds_and_without_a_number_are_told_at_once(tmp_path):
    source = table(tmp_path, "model,lr,wd,F1\nm,1,1,0.5\nm,2,1,1.5\nm,3,1,nan\n")
    with pytest.raises(InputError) as error:
        read(source, Mapping(metric=F1))
    assert "F1 is 1.5, outside the bounds of the metric (F1, higher is better, 0 to 1), in row 2" in str(
        error.value
    )
    assert "1 of 3 trials have no finite F1" in str(error.value)
    assert "counts as F1 0" in str(error.value)


def test_a_metric_that_is_not_reported_is_refused_with_the_nearest(tmp_path):
    source = table(tmp_path, "model,lr,wd,val_loss\nm,1,1,0.5\n")
    with pytest.raises(InputError, match=r"unknown `metric` in .*: 'loss'. Did you mean val_loss"):
        read(source, Mapping(metric=asked("loss")))


def test_several_columns_that_end_alike_are_refused(tmp_path):
    source = table(tmp_path, "model,lr,wd,a/loss,b/loss\nm,1,1,0.5,0.6\n")
    with pytest.raises(InputError, match="a/loss, b/loss could each be `metric` loss"):
        read(source, Mapping(metric=asked("loss")))
    assert read(source, Mapping(metric=asked("b/loss"))).table["value"].tolist() == [0.6]


@pytest.mark.parametrize("bounds", ["1", "1:0", "a:1", "nan:1", "0:inf", "0:0"])
def test_bounds_that_are_none_are_refused(bounds):
    with pytest.raises(InputError, match="`bounds` takes LOW:HIGH"):
        asked("F1", bounds=bounds)


def test_all_that_does_not_go_together_is_told_at_once():
    with pytest.raises(
        InputError, match=r"`accuracy` describes a top-1 error; `fraction` .*; `bounds` takes"
    ):
        asked("F1", bounds="1", accuracy=True, fraction=True)
    with pytest.raises(InputError, match="`higher_better`, `unit` describes another metric"):
        asked(None, True, "nats")
    with pytest.raises(InputError, match="either `metric` or `column` top1_err"):
        Mapping(metric=F1, columns={"top1_err": "F1"})
