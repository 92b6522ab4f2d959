"""Checkpoints: a training that is interrupted anywhere ends as if it had not been."""

import errno
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.killing import Killed, Killing, run, same
from support.training import CPU, Dropping, make_batches, make_recipe, make_trial

from sweep.checkpoints import folder as checkpoints_folder
from sweep.checkpoints.folder import FolderCheckpointFile
from sweep.data.datasets import open_dataset
from sweep.data.images import Splits
from sweep.models import timm_models
from sweep.training import checkpoint, pack_member
from sweep.training.checkpoint import Checkpoint
from sweep.training.streams import open_batches

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 3  # of an epoch


RECIPE = {
    "augment": ("shift", "flip"),
    "ema_steps": 2,
    "ema_rate": 1e-3,
    "label_smoothing": 0.1,
    "epochs": 3,
}


IMAGENET = {
    "augment": ("random_resized_crop", "flip", "auto_augment"),
    "mixup_alpha": 0.8,
    "cutmix_alpha": 1.0,
    "micro_batch": 12,
    "batchnorm_images": 50,
    "test_crop": 0.875,
}


@pytest.mark.parametrize(
    ("model", "optimizer"),
    [
        ("vit_c_1mf", "adamw"),
        ("vit_c_1mf", "sgd"),
        ("dropping", "adamw"),
        ("dropping", "nadamw"),
        ("dropping", "lion"),
        ("vit_c_1mf", "muon"),
        ("vit_c_1mf", "adafactor"),
        ("studys recipe", "sgd"),
    ],
)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_killed_twice_at_any_step_it_ends_with_the_same_records_and_weights(
    model, optimizer, data, weights, monkeypatch, tmp_path_factory
):
    weights.clear()
    if model == "dropping":  # it draws random numbers while it trains; the others have BatchNorm
        monkeypatch.setattr(timm_models, "create", lambda *_, **__: Dropping(10))
    recipe = make_recipe(**RECIPE)
    batches = make_batches(recipe)
    if model == "studys recipe":
        model, recipe = "vit_c_1mf", make_recipe(**RECIPE | IMAGENET)
        splits = open_dataset(recipe, None).load(16)
        splits = Splits(splits.train, splits.minival, splits.val.take(np.arange(60)))
        batches = open_batches(splits, recipe, CPU, px=16, resize=18, loader_workers=0)
    trial = make_trial(model, optimizer, lr=0.02 if optimizer == "sgd" else 2e-3)
    undisturbed = run([trial], recipe, batches)
    path = tmp_path_factory.mktemp("kept") / "k.ckpt"
    said = []
    for _ in range(2):
        asked, period = data.draw(st.integers(0, 3 * (STEPS + 1) - 1)), data.draw(st.integers(1, 4))
        try:
            run([trial], recipe, batches, Killing(path, period=period, dies_at=asked, say=said.append))
        except Killed:
            continue
    assert run([trial], recipe, batches, Killing(path, say=said.append)) == undisturbed
    assert len(weights) >= 2
    assert all(same(weights[0], other) for other in weights[1:])
    assert not said
    assert [p.name for p in path.parent.iterdir()] == ["k.ckpt"], "only the last one is kept"


def test_what_was_trained_is_not_trained_again(monkeypatch, tmp_path):
    recipe = make_recipe(epochs=3)
    batches, steps = make_batches(recipe), []
    step = pack_member.Member.step
    monkeypatch.setattr(pack_member.Member, "step", lambda self, *a: (steps.append(a[1]), step(self, *a))[1])
    with pytest.raises(Killed):
        run([make_trial()], recipe, batches, Killing(tmp_path / "k", dies_at=6))
    assert len(steps) == 6
    run([make_trial()], recipe, batches, Killing(tmp_path / "k"))
    assert len(steps) == 9 + 1, "only the step whose checkpoint the kill forestalled"


@pytest.mark.parametrize("dies_at", [1, 3, 5])
def test_a_pack_goes_on_with_its_diverged_member(dies_at, tmp_path):
    recipe = make_recipe(epochs=3)
    batches = make_batches(recipe)
    trials = [make_trial(), make_trial(lr=1e30), make_trial(lr=5e-3, seed=1)]
    undisturbed = run(trials, recipe, batches)
    assert undisturbed[0][1].diverged_step == 2
    with pytest.raises(Killed):
        run(trials, recipe, batches, *(Killing(tmp_path / name, dies_at=dies_at) for name in "abc"))
    assert run(trials, recipe, batches, *(Killing(tmp_path / name) for name in "abc")) == undisturbed


def test_a_finished_training_only_tells_its_records(tmp_path, monkeypatch):
    recipe = make_recipe()
    batches = make_batches(recipe)
    undisturbed = run([make_trial()], recipe, batches, Killing(tmp_path / "k"))
    monkeypatch.setattr(pack_member.Member, "step", lambda *_: pytest.fail("trained again"))
    assert run([make_trial()], recipe, batches, Killing(tmp_path / "k")) == undisturbed


# ---- what cannot be gone on from


@pytest.fixture
def half(tmp_path):
    """A training that was killed in its second epoch: recipe, batches, its file."""
    recipe = make_recipe(ema_steps=1)
    batches = make_batches(recipe)
    with pytest.raises(Killed):
        run([make_trial()], recipe, batches, Killing(tmp_path / "k", dies_at=6))
    return recipe, batches, tmp_path / "k"


DAMAGE = {
    "cut short": lambda raw: raw[:-1000],
    "cut in its head": lambda raw: raw[:40],
    "empty": lambda raw: b"",
    "a bit flipped": lambda raw: raw[:5000] + bytes([raw[5000] ^ 1]) + raw[5001:],
    "something appended": lambda raw: raw + b"x",
    "something else": lambda raw: b"PK\3\4" + raw,
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_one_is_refused_and_training_begins_anew(name, half):
    recipe, batches, path = half
    path.write_bytes(DAMAGE[name](path.read_bytes()))
    said = []
    kept = Killing(path, say=said.append)
    assert run([make_trial()], recipe, batches, kept) == run([make_trial()], recipe, batches)
    assert len(said) == 1
    assert f"checkpoint {path} is not used: it " in said[0]
    assert [p.name for p in path.parent.iterdir()] == ["k"]


@example(byte=83)  # the end of the head
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(byte=st.integers(0, 1_000_000))
def test_no_changed_byte_goes_unseen(byte, half):
    _, _, path = half
    raw = bytearray(path.read_bytes())
    raw[byte % len(raw)] ^= 1
    changed = path.with_name("changed")
    changed.write_bytes(raw)
    with changed.open("rb") as file, pytest.raises(ValueError, match="it "):
        checkpoint._read(file)


def test_the_older_one_is_used_where_there_is_one(half):
    recipe, batches, path = half
    older = path.with_name("k.older")
    older.write_bytes(path.read_bytes())
    path.write_bytes(path.read_bytes()[:-7])
    said, restored = [], []
    kept = Killing(path, say=said.append)
    monitored = kept.restore
    kept.restore = lambda rebuild: monitored(
        lambda state: (restored.append(state["step"]), rebuild(state))[1]
    )
    assert run([make_trial()], recipe, batches, kept) == run([make_trial()], recipe, batches)
    assert "it was truncated" in said[0]
    assert restored == [2]
    assert [p.name for p in path.parent.iterdir()] == ["k"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"identity": "another"}, "it belongs to k, torch .*, not to another, torch"),
        ({"torch": "0.1"}, "it belongs to k, torch 2.*, not to k, torch 0.1"),
        ({"model": "vit_c_1mf"}, r"Error\(s\) in loading state_dict"),
    ],
)
def test_one_of_another_trial_library_or_model_is_refused(change, reason, half, monkeypatch):
    recipe, batches, path = half
    said = []
    if "torch" in change:
        monkeypatch.setattr(torch, "__version__", change["torch"])
    trial = make_trial(change.get("model", "vit_p_1mf"))
    kept = Killing(path, change.get("identity", "k"), say=said.append)
    assert run([trial], recipe, batches, kept) == run([trial], recipe, batches)
    assert len(said) == 1
    assert re.search(reason, said[0])


def test_no_code_that_a_file_brings_is_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "run"),))

    with (tmp_path / "k").open("wb") as file:
        checkpoint._write({"identity": "k", "seconds": 0.0, "state": Evil()}, file)
    said = []
    assert (
        Checkpoint(FolderCheckpointFile(tmp_path / "k"), "k", say=said.append).restore(lambda state: state)
        is None
    )
    assert "Weights only load failed" in said[0]
    assert not (tmp_path / "run").exists()


# ---- writing


CALLS = [
    (os, "fsync", 1),
    (Path, "replace", 1),
    (Path, "replace", 2),
    (checkpoints_folder, "sync_folder", 1),
    (Path, "unlink", 1),
]


@pytest.mark.parametrize(("place", "name", "count"), CALLS, ids=[f"{c[1]} {c[2]}" for c in CALLS])
def test_a_kill_while_writing_leaves_one_that_can_be_gone_on_from(place, name, count, tmp_path, monkeypatch):
    """At every call that touches the disk: aside, through to it, older, newest, folder."""
    path, calls, said = tmp_path / "k", [], []
    kept = Checkpoint(FolderCheckpointFile(path), "k")
    kept.save({"step": 1})
    original = getattr(place, name)

    def dying(*args, **kwargs):
        calls.append(args)
        if len(calls) == count:
            raise Killed
        return original(*args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(place, name, dying)
        with pytest.raises(Killed):
            kept.save({"step": 2})
    after = Checkpoint(FolderCheckpointFile(path), "k", say=said.append)
    assert after.restore(lambda state: state) in ({"step": 1}, {"step": 2})
    after.save({"step": 3})
    assert Checkpoint(FolderCheckpointFile(path), "k").restore(lambda state: state) == {"step": 3}
    assert not said
    assert not path.with_name("k.older").exists()


def test_on_a_full_disk_training_goes_on_and_says_so_once(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    recipe, said = make_recipe(), []
    batches = make_batches(recipe)
    monkeypatch.setattr(os, "fsync", full)
    kept = Killing(tmp_path / "k", say=said.append)
    assert run([make_trial()], recipe, batches, kept) == run([make_trial()], recipe, batches)
    assert said == [
        f"no checkpoint could be written to {tmp_path}: No space left on device. Training continues."
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_really_full_device_is_survived():
    said = []
    kept = Checkpoint(FolderCheckpointFile(Path("/dev/full/k")), "k", say=said.append)
    kept.save({"x": torch.zeros(10)})
    assert "no checkpoint could be written to /dev/full" in said[0]
    with pytest.raises((OSError, RuntimeError)), open("/dev/full", "wb") as full:
        torch.save(torch.zeros(1 << 20), checkpoint._Hashed(full))


def test_the_time_between_two_bounds_what_they_cost(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    kept = Checkpoint(FolderCheckpointFile(tmp_path / "k"), "k", every_s=10)
    write = checkpoint._write

    def slow(*args):
        write(*args)
        now[0] += 3

    monkeypatch.setattr(checkpoint, "_write", slow)
    assert not kept.due
    now[0] = 10
    assert kept.due
    kept.save({})
    assert now[0] == 13
    now[0] += 149
    assert not kept.due, "3 s are 2 % of 150 s"
    now[0] += 1
    assert kept.due


def test_the_seconds_go_on(tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    first = Checkpoint(FolderCheckpointFile(tmp_path / "k"), "k")
    now[0] += 40
    first.save({})
    now[0] = 7.0
    second = Checkpoint(FolderCheckpointFile(tmp_path / "k"), "k")
    second.restore(lambda state: {"state": state})
    now[0] += 2
    assert (second.seconds, second.seconds_before) == (42, 40)


def test_without_a_folder_to_write_to_nothing_is_made(tmp_path):
    said = []
    Checkpoint(FolderCheckpointFile(tmp_path / "away" / "k"), "k", say=said.append).save({})
    assert "No such file or directory" in said[0]
    assert list(tmp_path.iterdir()) == []
