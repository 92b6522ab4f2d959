"""Trainings by several processes together."""

import dataclasses
import multiprocessing
import os

import numpy as np
import pytest
import torch
from support.killing import Killed, Killing
from support.training import CPU

from sweep.data.datasets import open_dataset
from sweep.data.images import Splits
from sweep.training.loop import train
from sweep.training.pack_member import Member
from sweep.training.ranks import joined
from sweep.training.streams import open_batches

processes = multiprocessing.get_context("forkserver")  # forked once torch and timm are there

RECIPE = {
    "epochs": 1,
    "warmup_epochs": 0,
    "micro_batch": 8,
    "augment": ("shift", "flip"),
    "label_smoothing": 0.1,
}
MIXED = {"mixup_alpha": 0.8, "cutmix_alpha": 1.0}
EMA = {"ema_steps": 2, "ema_rate": 1e-2}
ODD = 61


def trained(trials, recipe, ranks, kept=()):
    """Train, and return the records of all epochs and the states of all members."""
    splits = open_dataset(recipe, None).load(16)
    splits = Splits(splits.train, splits.minival, splits.val.take(np.arange(ODD)))
    batches = open_batches(splits, recipe, CPU, px=16, resize=18, ranks=ranks)
    members = []
    create = Member.__init__

    def spy(self, *args, **kwargs):
        create(self, *args, **kwargs)
        members.append(self)

    Member.__init__ = spy
    try:
        epochs = list(
            train(trials, recipe, batches, classes=10, px=16, device=CPU, checkpoints=kept, ranks=ranks)
        )
    finally:
        Member.__init__ = create
    records = [[record and dataclasses.asdict(record) for record in epoch] for epoch in epochs]
    return {"records": records, "members": [member.state() for member in members[-len(trials) :]]}


def rank_main(rank, count, folder, work, args):
    torch.set_num_threads(1)
    store = torch.distributed.FileStore(str(folder / "store"), count)
    with joined(rank, count, store, CPU) as ranks:
        torch.save(work(ranks, *args), folder / f"{rank}.pt")


def together(folder, work, *args, count=2):
    """Let ``count`` processes do some work together; return what each returns, and its exit code."""
    folder.mkdir()
    started = [
        processes.Process(target=rank_main, args=(rank, count, folder, work, args)) for rank in range(count)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(600)
        if process.is_alive():
            process.kill()
            pytest.fail("a process waits for ever")
    done = [folder / f"{rank}.pt" for rank in range(count)]
    return [torch.load(path) if path.exists() else None for path in done]


def just_train(ranks, trials, recipe):
    return trained(trials, recipe, ranks)


def close(one, other, rtol=2e-4, atol=2e-5):
    """Whether two nested states are equal but for rounding."""
    if isinstance(one, torch.Tensor):
        return torch.allclose(one, other, rtol=rtol, atol=atol)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(one[k], other[k], rtol, atol) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(
            close(a, b, rtol, atol) for a, b in zip(one, other, strict=True)
        )
    return one == (pytest.approx(other, rel=rtol, abs=atol) if isinstance(one, float) else other)


def diverge_on_one(ranks, trials, recipe, step):
    """Train, with a loss on the last process alone that is infinite in one step of the first trial."""
    loss = Member._loss

    def broken(self, images, labels, place):
        bad = ranks.rank == ranks.count - 1 and self._trial.seed == 0 and self._steps_done == step - 1
        return loss(self, images, labels, place) * (float("inf") if bad else 1.0)

    Member._loss = broken
    return trained(trials, recipe, ranks)


def interrupted(ranks, trial, recipe, path, dies_at):
    """Train with checkpoints until the first process is asked for one so many times; go on from there."""
    kept = [Killing(path, dies_at=dies_at)] if ranks.rank == 0 else []
    try:
        return trained([trial], recipe, ranks, kept)
    except Killed:
        os._exit(9)  # a killed process takes no leave of the others: taking it may wait for them for ever
