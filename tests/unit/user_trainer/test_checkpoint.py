"""A user's own training function that goes on from what it saved, as the guide shows one."""

import dataclasses
import re
import sys

import pytest
from support.trainers import ROOT, run, setting_of

from sweep.checkpoints.base import CheckpointLocation
from sweep.checkpoints.folder import FolderLocation
from sweep.checkpoints.s3 import S3Location
from sweep.core.jobs import Job
from sweep.core.trial import TrialSpec
from sweep.orchestrate.worker import TrialRunner
from sweep.user_trainer import loading as trainers
from sweep.user_trainer.contract import TrainerError

GIVEN = """
import numpy as np

trained = []

def load_data(split):
    images = np.random.default_rng(0).normal(size=(60, 64))
    labels = (images[:, 0] > 0).astype(float)
    return images[:40], labels[:40], (images[40:], labels[40:])

def predicted(weights, images):
    return 1 / (1 + np.exp(-images @ weights))

def one_epoch(weights, images, labels, config, rng):
    trained.append(config.seed)
    for i in rng.permutation(len(labels)):
        weights = weights + config.lr * (labels[i] - predicted(weights, images[i])) * images[i]
    return weights

def error_of(weights, images, labels):
    return 100 * np.abs(predicted(weights, images) - labels).mean()

"""


def the_guides() -> str:
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/guide/custom-training.md").read_text(), re.DOTALL
    )
    (example,) = [block for block in blocks if "config.checkpoint" in block]
    return GIVEN + example


@pytest.mark.parametrize("evaluate", ["val", "minival"])
@pytest.mark.parametrize("most", range(6))
def test_the_guides_function_goes_on_wherever_it_is_interrupted(write, tmp_path, most, evaluate):
    name, folder = write(the_guides()), tmp_path / "k.ckpt"
    undisturbed = run(name, 5, evaluate=evaluate)
    assert len({record.top1_err for record in undisturbed}) == 5
    trained = sys.modules["own"].trained
    trained.clear()
    folder.mkdir()
    begun = run(name, 5, evaluate=evaluate, checkpoint=folder, most=most)
    assert len(trained) == most
    assert begun + run(name, 5, evaluate=evaluate, checkpoint=folder)[most:] == undisturbed
    assert run(name, 5, evaluate=evaluate, checkpoint=folder) == undisturbed
    assert len(trained) == 5, "no epoch twice"


ONLY_THE_REST = """
def train(config):
    file = config.checkpoint / "epoch"
    first = int(file.read_text()) if file.exists() else 0
    for epoch in range(first, config.epochs):
        file.write_text(str(epoch + 1))
        yield 90 - epoch
"""


def test_one_that_yields_the_rest_alone_fails_and_the_reason_names_the_folder(write, tmp_path):
    name, folder = write(ONLY_THE_REST), tmp_path / "k.ckpt"
    folder.mkdir()
    run(name, checkpoint=folder, most=1)
    with pytest.raises(TrainerError) as refused:
        run(name, checkpoint=folder)
    assert str(refused.value) == (
        f"own:train yielded 2 errors in 3 epochs. It found its own checkpoint in {folder}, and has to yield "
        "the errors of all epochs then too; without that folder it restarts from scratch"
    )


def test_one_that_fails_with_nothing_saved_is_told_of_no_folder(write, tmp_path):
    name, folder = write("def train(config):\n    yield 1 / 0\n"), tmp_path / "k.ckpt"
    folder.mkdir()
    with pytest.raises(TrainerError, match=r"division by zero \(own.py, line 2, in train\)$"):
        run(name, checkpoint=folder)


@pytest.fixture
def report(write, one_thread):
    """Begin a trial of a function as a worker does; return what it reports first."""

    def begin(text: str, place: CheckpointLocation | None):
        name = write(text)
        setting = setting_of(name, 2, trainers.load(name).fingerprint)
        spec = {"key": "k", "model": "m", "optimizer": "sgd", "lr": 0.1, "weight_decay": 0.1, "seed": 7}
        setting = dataclasses.replace(setting, checkpoints=place)
        runner = TrialRunner([setting], lambda data: data, on_gpu=False)
        runner.turn_to([Job(TrialSpec(**spec), 0)])
        (first,) = runner.report().trials
        return first

    return begin


SAVING = """
def train(config):
    assert list(config.checkpoint.iterdir()) == [] or config.checkpoint.joinpath("x").read_text() == "1"
    config.checkpoint.joinpath("x").write_text("1")
    yield from (50, 40)
"""


def test_a_worker_makes_the_folder_and_says_where_there_is_something_in_it(report, tmp_path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    assert report(SAVING, FolderLocation(folder)).notes == []
    assert [path.name for path in folder.glob("*/*")] == ["x"]
    assert report(SAVING, FolderLocation(folder)).notes == [
        f"its function finds what it saved in {folder / 'k.ckpt'}"
    ]


NONE = "def train(config):\n    assert config.checkpoint is None\n    yield from (50, 40)\n"


def test_where_no_folder_is_shared_there_is_none(report, tmp_path):
    assert report(NONE, None).done
    unseen, folder = report(NONE, FolderLocation(tmp_path / "elsewhere")), tmp_path / "elsewhere"
    assert unseen.done
    assert unseen.notes == [
        f"no checkpoint can be written to {folder}: No such file or directory. Training continues."
    ]
    assert not folder.exists()
    bucket = report(NONE, S3Location("s3://b/x", "s"))
    assert bucket.done
    assert bucket.notes == ["its function has no folder to save in: s3://b/x/s is none"]
