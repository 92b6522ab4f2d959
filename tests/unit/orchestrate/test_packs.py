"""Which trials train together, and what becomes of a pack that fails."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from support.training import make_recipe, make_trial

from sweep.checkpoints.folder import FolderLocation
from sweep.core.jobs import Job, TrialContext
from sweep.core.trial import TrialState
from sweep.data.datasets import open_dataset
from sweep.data.images import Splits
from sweep.orchestrate import worker
from sweep.orchestrate.failures import APART, RETRIES
from sweep.orchestrate.local_executor import LocalExecutor
from sweep.orchestrate.pack_sizes import remembered
from sweep.orchestrate.packs import form_packs
from sweep.orchestrate.tune_callback import TuneReporter
from sweep.training import loop
from sweep.training.pack_member import Member

pytestmark = pytest.mark.usefixtures("one_thread")

# ---- how they are formed

kinds = st.tuples(st.integers(0, 1), st.sampled_from(["a", "b"]), st.sampled_from(["adamw", "sgd"]))


@given(
    asked=st.lists(kinds, min_size=1, max_size=40),
    skipped=st.sets(st.integers(0, 40)),
    most=st.integers(1, 50),
    workers=st.integers(1, 5),
)
def test_packs_are_of_one_kind_no_larger_than_asked_and_keep_all_workers_busy(asked, skipped, most, workers):
    jobs = [Job(make_trial(model, optimizer), setting) for setting, model, optimizer in asked]
    chosen = [index for index in range(len(jobs)) if index not in skipped]
    packs = form_packs(jobs, chosen, most=lambda kind: most, workers=workers)
    assert sorted(index for pack in packs for index in pack) == chosen
    assert all(a < b for pack in packs for a, b in pairwise(pack)), "in their order"
    sizes = {}
    for pack in packs:
        (kind,) = {asked[index] for index in pack}
        sizes.setdefault(kind, []).append(len(pack))
    for each in sizes.values():
        assert max(each) <= most
        assert max(each) - min(each) <= 1
        assert len(each) % workers == 0 or set(each) == {1}
        assert len(each) < sum(each) / most + workers, "no more packs than that takes"


def test_packs_of_one_are_the_jobs_in_their_order():
    jobs = [Job(make_trial(seed=seed), 0) for seed in range(5)]
    assert form_packs(jobs, [0, 2, 4], most=lambda kind: 1, workers=2) == [[0], [2], [4]]


# ---- how large they are where nobody said so


@pytest.fixture
def measured(monkeypatch, tmp_path):
    """Let measuring find what a table says of each model; return what was measured: (model, most)."""
    monkeypatch.setenv("SWEEP_CACHE_DIR", str(tmp_path / "cache"))
    asked = []

    def best_size(trial, recipe, batches, *, most, **building):
        asked.append((trial.model, most))
        return min(2, most)

    monkeypatch.setattr("sweep.training.pack_timing.best_size", best_size)
    return asked


def test_a_size_is_measured_once_and_reported(run, alone, measured, tmp_path):
    first, again = run(None), run(None)
    assert measured == [("vit_p_1mf", 5)]
    for together in (first, again):
        assert (together.epochs, together.ends) == (alone.epochs, alone.ends)
        assert together.messages == [("t0", "packs of up to 2 trials were measured to be fastest")]
    (tmp_path / "cache" / "packs.json").write_text('{"damaged')
    assert run(None).ends == alone.ends
    assert len(measured) == 2


def test_a_size_is_measured_again_only_where_a_larger_one_might_be_better(context, measured):
    def size(most, best=100):
        return remembered(JOBS[0], context, "cpu", most=most, measure=lambda: tried(most, best))

    def tried(most, best):
        asked.append(most)
        return min(most, best)

    asked = []
    assert [size(4), size(4), size(3), size(16, best=8)] == [4, 4, 3, 8]
    assert [size(64), size(5)] == [8, 5]
    assert asked == [4, 16], "16 were tried, and were no faster than 8"


# ---- what becomes of one that fails


class Observer:
    """Writes down what it hears of."""

    def __init__(self):
        self.starts, self.epochs, self.ends, self.failures, self.messages = [], {}, {}, [], []

    def on_start(self, trial):
        self.starts.append(trial.key)

    def on_epoch(self, trial, record):
        assert trial.key not in self.ends
        self.epochs.setdefault(trial.key, {})[record.epoch] = record

    def on_message(self, trial, text):
        self.messages.append((trial.key, text))

    def on_failure(self, trial, failure):
        self.failures.append((trial.key, failure.attempt))

    def on_end(self, trial, record):
        assert trial.key not in self.ends
        self.ends[trial.key] = dataclasses.replace(record, wall_s=None)


JOBS = [
    Job(dataclasses.replace(make_trial(lr=lr, seed=seed), key=f"t{seed}"), 0)
    for seed, lr in enumerate((2e-3, 1e30, 5e-3, 1e-2, 3e-3))
]


@pytest.fixture(scope="module")
def context():
    recipe = make_recipe(epochs=3)
    splits = open_dataset(recipe, None).load(16)
    splits = Splits(splits.train, splits.minival, splits.val.take(np.arange(60)))
    return TrialContext(recipe=recipe, px=16, classes=10, data=splits)


@pytest.fixture
def run(context, monkeypatch):
    monkeypatch.setattr(worker, "REPORT_EVERY_S", -1.0)

    def run_jobs(pack, **changes):
        observer = Observer()
        changed = dataclasses.replace(context, **changes)
        LocalExecutor(on_gpu=False, pack=pack).run(JOBS, [changed], observer)
        return observer

    return run_jobs


@pytest.fixture(scope="module")
def alone(context):
    observer = Observer()
    LocalExecutor(on_gpu=False).run(JOBS, [context], observer)
    assert observer.ends["t1"].state is TrialState.DIVERGED
    return observer


@pytest.mark.parametrize("pack", [2, 3, 64])
def test_trials_of_a_pack_are_reported_as_if_alone(pack, run, alone):
    together = run(pack)
    assert (together.epochs, together.ends) == (alone.epochs, alone.ends)
    assert not together.messages
    assert sorted(together.starts) == sorted(alone.starts)


def test_an_end_that_was_not_reported_when_the_memory_was_full_is_reported_later(run, alone, monkeypatch):
    monkeypatch.setattr(worker, "REPORT_EVERY_S", 1000.0)
    train = loop._Pack._train

    def limited(self, epoch, courses):
        if epoch == 1 and len(courses) > 2:
            raise MemoryError
        return train(self, epoch, courses)

    monkeypatch.setattr(loop._Pack, "_train", limited)
    together = run(5)
    assert (together.epochs, together.ends) == (alone.epochs, alone.ends)
    assert not together.failures


@pytest.mark.parametrize("checkpoints", [False, True])
def test_a_pack_that_the_memory_does_not_hold_is_split(checkpoints, run, alone, tmp_path, monkeypatch):
    """Two fit at once; the diverged one has its result already when the other four are split."""
    monkeypatch.setenv(worker.EVERY_S_VARIABLE, "0")
    monkeypatch.setattr("sweep.training.checkpoint.MOST_SHARE", 1e9)
    train, tried = loop._Pack._train, []

    def limited(self, epoch, courses):
        tried.append((epoch, len(courses)))
        if epoch == 1 and len(courses) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")
        return train(self, epoch, courses)

    monkeypatch.setattr(loop._Pack, "_train", limited)
    together = run(5, checkpoints=FolderLocation(tmp_path) if checkpoints else None)
    assert (together.epochs, together.ends) == (alone.epochs, alone.ends)
    assert [text for _, text in together.messages if "memory" in text] == [
        "out of memory with 4 trials at once: 2 at once from now on"
    ]
    assert not together.failures
    again = [(1, 2), (2, 2)] if checkpoints else [(0, 2), (1, 2), (2, 2)]
    assert tried == [(0, 5), (1, 4), *again, *again]


def test_a_trial_that_fits_no_memory_fails_and_says_what_helps(run, monkeypatch):
    def full(self, *_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB")

    monkeypatch.setattr(Member, "step", full)
    together = run(4)
    assert {record.state for record in together.ends.values()} == {TrialState.FAILED}
    assert "take a recipe with a micro_batch below" in together.ends["t0"].error


def test_a_pack_with_a_trial_that_always_fails_is_taken_apart(run, alone, monkeypatch):
    step = Member.step

    def failing(self, batch, epoch, after):
        if self.seed == 3 and epoch >= 1:
            raise RuntimeError("one of them")
        return step(self, batch, epoch, after)

    monkeypatch.setattr(Member, "step", failing)
    together = run(3)
    assert together.ends.pop("t3").state is TrialState.FAILED
    assert together.ends == {key: end for key, end in alone.ends.items() if key != "t3"}
    assert together.messages == [(key, APART) for key in ("t2", "t3", "t4")]
    attempts = (1, 2)  # the error comes from a file of ours: the same one twice is enough
    assert together.failures[-len(attempts) :] == [("t3", attempt) for attempt in attempts]
    assert together.failures[: -len(attempts)] == [(key, a) for a in attempts for key in ("t2", "t3", "t4")]


# ---- with Tune


def tune_trial(jobs, error=None, tmp_path=None):
    class Trial:
        config, num_failures, max_failures = {"jobs": jobs}, 0, RETRIES
        pickled_error_file = str(tmp_path)

        def set_config(self, config):
            self.config = config

    return Trial()


def test_tune_repeats_a_lost_pack_without_the_trials_that_have_ended_and_then_takes_it_apart():
    observer = Observer()
    reporter, trial = TuneReporter(JOBS, observer), tune_trial([0, 1, 2])
    del reporter.left[1]
    for attempt in range(1, RETRIES + 1):
        trial.num_failures = attempt
        reporter.on_trial_recover(1, [], trial)
        assert trial.config == {"jobs": [0, 2]}
    reporter.on_trial_error(1, [], trial)
    assert reporter.apart == {0, 2}
    assert not observer.ends
    for _ in range(RETRIES):
        reporter.on_trial_recover(1, [], tune_trial([0]))
    reporter.on_trial_error(1, [], tune_trial([0]))
    assert list(observer.ends) == ["t0"]
    assert [job for job in reporter.left if job != 2] == [3, 4]
    assert observer.failures[-1] == ("t0", RETRIES + 1)
