"""Trainings that are killed midway, and how their ends are compared."""

import torch
from support.training import CPU

from sweep.checkpoints.folder import FolderCheckpointFile
from sweep.training.checkpoint import Checkpoint
from sweep.training.loop import train


class Killed(BaseException):
    """Stands for SIGKILL: nothing of ours catches it."""


class Killing(Checkpoint):
    """Saves after each of its ``period`` steps or epochs; the process ends when it is asked so many times."""

    def __init__(self, path, identity="k", *, period=1, dies_at=None, say=None):
        super().__init__(FolderCheckpointFile(path), identity, every_s=0, say=say)
        self._asked, self._period, self._dies_at = 0, period, dies_at

    @property
    def due(self):
        if self._asked == self._dies_at:
            raise Killed
        self._asked += 1
        return self._asked % self._period == 0


def run(trials, recipe, batches, *kept):
    return list(train(trials, recipe, batches, classes=10, px=16, device=CPU, checkpoints=kept))


def same(one, other):
    """Whether two nested states are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other
