"""Trials in this process: retried, pruned and ended as by Ray, and nothing is left changed."""

import dataclasses
import os
from bdb import BdbQuit

import pytest
import torch

from sweep.core.jobs import Job, TrialContext
from sweep.core.resources import Resources
from sweep.core.trial import TrialSpec, TrialState
from sweep.errors import InputError
from sweep.orchestrate.executor import open_executor
from sweep.orchestrate.failures import RETRIES
from sweep.recipes.loading import of_trainer
from sweep.user_trainer import loading

HERE = Resources(address="none")


class Observer:
    """Writes down what it hears of."""

    def __init__(self):
        self.heard, self.ends, self.failures = [], {}, []

    def on_start(self, trial):
        self.heard.append(("start", trial.key))

    def on_epoch(self, trial, record):
        self.heard.append((record.epoch, trial.key))

    def on_message(self, trial, text):
        self.heard.append((text, trial.key))

    def on_failure(self, trial, failure):
        self.failures.append(failure)

    def on_end(self, trial, record):
        self.heard.append(("end", trial.key))
        self.ends[trial.key] = record


class Source(Observer):
    """Asks for two trials; the first one is bad after its first epoch."""

    def __init__(self):
        super().__init__()
        self.jobs = jobs("one", "other")

    def next_job(self):
        return self.jobs.pop(0) if self.jobs else None

    def prunes(self, trial, epochs):
        return trial.key == "one"


@pytest.fixture
def contexts(tmp_path, monkeypatch):
    """Return the context of a training function, given as its body."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sweep.orchestrate.worker.REPORT_EVERY_S", -1.0)

    def write(body, name="local_own"):
        (tmp_path / f"{name}.py").write_text(f"calls = []\ndef train(config):\n{body}")
        trainer = loading.load(f"{name}:train")
        recipe = of_trainer(trainer.name, 3)
        return [TrialContext(recipe=recipe, px=0, classes=0, data=None, fingerprint=trainer.fingerprint)]

    yield write
    loading.load.cache_clear()
    for path in tmp_path.glob("*.py"):
        __import__("sys").modules.pop(path.stem, None)


def jobs(*keys):
    point = {"model": "m", "optimizer": "sgd", "lr": 0.1, "weight_decay": 0.1, "seed": 1}
    return [Job(TrialSpec(key=key, **point), 0) for key in keys]


def test_trials_run_one_after_the_other_and_their_epochs_are_heard(contexts):
    observer = Observer()
    with open_executor(HERE, []) as executor:
        executor.run(jobs("one", "other"), contexts("    yield from (30, 20, 10)\n"), observer)
    each = ("start", 1, 2, 3, "end")
    assert observer.heard == [(what, key) for key in ("one", "other") for what in each]
    assert observer.ends["one"].top1_err == 10


def test_a_trial_that_fails_is_retried_while_its_error_is_another_each_time(contexts):
    """Each comes from a line of its own, as the losses of a machine come from none."""
    lines = "".join(f"    if len(calls) == {i}: raise OSError({i})\n" for i in range(1, 6))
    observer = Observer()
    with open_executor(HERE, []) as executor:
        executor.run(jobs("one"), contexts(f"    calls.append(1)\n    yield 30\n{lines}"), observer)
    assert [what for what, _ in observer.heard] == ["start", 1] * (RETRIES + 1) + ["end"]
    assert observer.ends["one"].state is TrialState.FAILED
    assert [failure.attempt for failure in observer.failures] == [1, 2, 3, 4]
    assert "failed: OSError: 4 (local_own.py, line 8, in train)" in observer.ends["one"].error


def test_a_trial_goes_on_after_an_error_that_does_not_come_again(contexts):
    body = "    calls.append(1)\n    yield 30\n    if len(calls) == 1:\n        raise OSError\n"
    observer = Observer()
    with open_executor(HERE, []) as executor:
        executor.run(jobs("one"), contexts(body + "    yield 20\n    yield 10\n"), observer)
    assert [what for what, _ in observer.heard] == ["start", 1, "start", 1, 2, 3, "end"]
    assert observer.ends["one"].top1_err == 10


def test_an_error_that_comes_again_at_the_same_line_is_retried_once_and_the_next_trial_runs(contexts):
    body = "    yield 30\n    if config.seed == 1:\n        raise MemoryError\n    yield from (20, 10)\n"
    observer = Observer()
    other = jobs("other")[0]
    with open_executor(HERE, []) as executor:
        other = Job(dataclasses.replace(other.trial, seed=2), 0)
        executor.run([*jobs("one"), other], contexts(body), observer)
    assert observer.heard.count(("start", "one")) == 2
    assert observer.ends["one"].state is TrialState.FAILED
    assert observer.ends["other"].state is TrialState.FINISHED


def test_a_search_prunes_what_is_bad_with_its_last_error(contexts):
    source = Source()
    with open_executor(HERE, []) as executor:
        executor.search(source, contexts("    yield from (30, 20, 10)\n"))
    assert [what for what, key in source.heard if key == "one"] == ["start", 1, "end"]
    assert (source.ends["one"].state, source.ends["one"].top1_err) == (TrialState.PRUNED, 30)
    assert source.ends["other"].state is TrialState.FINISHED


@pytest.mark.parametrize("error", [KeyboardInterrupt, BdbQuit])
def test_ctrl_c_and_leaving_the_debugger_end_all_of_it(contexts, error):
    observer, name = Observer(), error.__name__
    body = f"    from {error.__module__} import {name}\n    raise {name}\n    yield\n"
    with pytest.raises(KeyboardInterrupt), open_executor(HERE, []) as executor:
        executor.run(jobs("one", "other"), contexts(body), observer)
    assert observer.heard == [("start", "one")]


def test_threads_are_a_workers_meanwhile_and_as_before_afterwards(contexts):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    body = "    import torch\n    yield from [torch.get_num_threads()] * 3\n"
    try:
        observer = Observer()
        with open_executor(HERE, []) as executor:
            executor.run(jobs("one"), contexts(body), observer)
        assert observer.ends["one"].top1_err == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_more_than_this_machine_has_is_refused(tmp_path):
    cpus = (os.cpu_count() or 1) + 1
    with pytest.raises(InputError, match=f"`cpus_per_trial` {cpus}: this machine has"):
        open_executor(Resources(address="none", cpus_per_trial=cpus), []).__enter__()
    with pytest.raises(InputError, match="at most one GPU"):
        Resources(address="none", gpus_per_trial=2)
    gpus = torch.cuda.device_count()
    if not gpus:
        with pytest.raises(InputError, match="`gpus_per_trial` 1: this machine has 0 GPUs"):
            open_executor(Resources(address="none", gpus_per_trial=1), []).__enter__()
