"""Packs: a trial's result is the same alone, in whatever company, and however often it was interrupted."""

import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.killing import Killed, Killing, run
from support.training import CPU, Dropping, make_batches, make_recipe, make_trial

from sweep.data.datasets import open_dataset
from sweep.data.images import Splits
from sweep.models import timm_models
from sweep.training import streams
from sweep.training.pack_member import Member
from sweep.training.streams import open_batches

pytestmark = pytest.mark.usefixtures("one_thread", "dropping")

EPOCHS, STEPS = 3, 3
RECIPE = make_recipe(epochs=EPOCHS, augment=("shift",), ema_steps=2, ema_rate=1e-3, micro_batch=12)
TRIALS = [
    make_trial("dropping", lr=2e-3, seed=0),
    make_trial("dropping", lr=1e30, seed=1),  # diverges in its first epoch
    make_trial("dropping", "sgd", lr=1e3, weight_decay=1e3, seed=2),  # and this one in its second
    make_trial("dropping", lr=5e-3, weight_decay=0.3, seed=0),
    make_trial("dropping", "sgd", lr=0.05, seed=3),
]


@pytest.fixture(scope="module")
def dropping():
    create = timm_models.create

    def ours(name, **sizes):
        return Dropping(10) if name == "dropping" else create(name, **sizes)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timm_models, "create", ours)
        yield


@functools.cache
def batches():
    return make_batches(RECIPE)


@functools.cache
def alone(index):
    return tuple(record for (record,) in run([TRIALS[index]], RECIPE, batches()))


def columns(epochs):
    """Each trial's records; it has none after the epoch in which it diverged."""
    return [tuple(record for record in column if record) for column in zip(*epochs, strict=True)]


def test_the_trials_of_these_tests_diverge_at_different_times():
    ends = [alone(index)[-1] for index in range(len(TRIALS))]
    assert [end.epoch for end in ends] == [3, 1, 2, 3, 3]
    assert [end.diverged_step is not None for end in ends] == [False, True, True, False, False]


company = st.lists(st.integers(0, len(TRIALS) - 1), min_size=1, max_size=4, unique=True)
stops = st.integers(0, EPOCHS * (STEPS + 1) - 1)


@example(companies=[[0, 3], [1, 0], [3, 0, 2]], at=[7, 3, 2], periods=[2, 1, 1])
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    companies=st.lists(company, min_size=3, max_size=3),
    at=st.lists(stops, min_size=3, max_size=3),
    periods=st.lists(st.integers(1, 3), min_size=3, max_size=3),
)
def test_trials_end_as_if_alone_through_kills_and_changing_company(companies, at, periods, tmp_path_factory):
    """Three packs are killed; those of the last resume from wherever each of them was saved."""
    folder, said = tmp_path_factory.mktemp("kept"), []

    def kept(index, **changes):
        return Killing(folder / str(index), f"trial {index}", say=said.append, **changes)

    for pack, dies_at, period in zip(companies, at, periods, strict=True):
        checkpoints = [kept(index, period=period, dies_at=dies_at) for index in pack]
        try:
            run([TRIALS[index] for index in pack], RECIPE, batches(), *checkpoints)
        except Killed:
            continue
    everybody = range(len(TRIALS))
    epochs = run([TRIALS[index] for index in everybody], RECIPE, batches(), *map(kept, everybody))
    assert columns(epochs) == [alone(index) for index in everybody]
    assert not said


def test_what_one_has_behind_it_is_not_trained_again_while_others_catch_up(tmp_path, monkeypatch):
    for index, dies_at in ((0, 9), (3, 2)):
        with pytest.raises(Killed):
            run([TRIALS[index]], RECIPE, batches(), Killing(tmp_path / str(index), dies_at=dies_at))
    steps = {}
    step = Member.step
    monkeypatch.setattr(
        Member,
        "step",
        lambda self, *a: (steps.setdefault(self.seed + self._trial.lr, []).append(a[1]), step(self, *a))[1],
    )
    kept = [Killing(tmp_path / name) for name in ("0", "3", "4")]
    epochs = run([TRIALS[index] for index in (0, 3, 4)], RECIPE, batches(), *kept)
    assert columns(epochs) == [alone(index) for index in (0, 3, 4)]
    assert [len(taken) for taken in steps.values()] == [9, 9 - 2, 9 - 7]


@pytest.mark.parametrize("changes", [{}, {"batchnorm_images": 50, "mixup_alpha": 0.8}])
def test_a_pack_loads_each_image_once(changes, monkeypatch):
    recipe = make_recipe(augment=("random_resized_crop", "flip"), **changes)
    splits = open_dataset(recipe, None).load(16)
    splits = Splits(splits.train, splits.minival, splits.val.take(np.arange(30)))
    loaded, load = [], streams._ImageLoader.__getitem__
    monkeypatch.setattr(
        streams._ImageLoader, "__getitem__", lambda self, item: (loaded.append(item), load(self, item))[1]
    )

    def train(*trials):
        loaded.clear()
        own = open_batches(splits, recipe, CPU, px=16, resize=18)
        return columns(run(trials, recipe, own)), list(loaded)

    trials = [make_trial("vit_c_1mf", seed=seed) for seed in range(3)]
    ((one,), images), (together, once) = train(trials[0]), train(*trials)
    assert once == images
    assert together[0] == one
