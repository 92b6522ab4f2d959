"""Measures how many trials of a model are trained the fastest together."""

import dataclasses
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from sweep.core.trial import TrialSpec
from sweep.recipes.recipe import Recipe
from sweep.training.batches import Batch, Batches
from sweep.training.memory import TrainingOutOfMemoryError, explain_out_of_memory
from sweep.training.mixing import mix
from sweep.training.pack_member import Member
from sweep.training.ranks import ALONE

BUDGET_S = 10.0
"""No larger pack is tried after so many seconds."""
WORTH = 1.1
"""A pack twice as large must train at least so many times the trials in the same time."""
MEMORY_SHARE = 0.25
"""The share of a machine's free memory that a pack may take on a CPU, where others train beside it."""
_ENOUGH_S = 0.2
_MOST_STEPS = 8
_COPIES = 5  # of the weights: themselves, their gradient, two moments of AdamW, their average


def best_size(
    trial: TrialSpec, recipe: Recipe, batches: Batches, *, device: torch.device, most: int, **building: Any
) -> int:
    """Return how many trials a pack should have: twice as many while that pays, and the memory holds them.

    Parameters
    ----------
    trial : TrialSpec
        One of the trials.
    recipe : Recipe
        Augmentation, averaging, micro-batches.
    batches : Batches
        The training batches.
    device : torch.device
        The device of ``batches`` and models.
    most : int
        The largest pack that is of use.
    **building
        ``classes`` and ``px``, for each `Member`.
    """
    began, chosen, best = time.monotonic(), 1, 0.0
    trial = dataclasses.replace(trial, lr=0.0)  # one that diverges would take no more steps
    members: list[Member] = []
    size, endless = 1, _endless(batches, recipe, building["classes"])
    with suppress(TrainingOutOfMemoryError), explain_out_of_memory(recipe, building["px"]):
        while size <= most and time.monotonic() - began < BUDGET_S:
            added = range(size - len(members))
            members += [Member(trial, recipe, device=device, ranks=ALONE, **building) for _ in added]
            speed = size / _step_s(members, endless, device)
            if speed < WORTH * best:
                break
            chosen, best, size = size, speed, 2 * size
            if not _fits(members[0], size, device):
                break
    return chosen


def _endless(batches: Batches, recipe: Recipe, classes: int) -> Iterator[Batch]:
    """Yield training batches as a pack gets them, without end."""
    while True:
        for step, batch in enumerate(batches.train(0)):
            yield mix(batch, recipe, classes, 0, step)


def _step_s(members: Sequence[Member], batches: Iterator[Batch], device: torch.device) -> float:
    """Return the seconds of a step of all members, with its batch; a first one is not counted."""
    steps = -1
    began = time.perf_counter()
    while steps < _MOST_STEPS and (steps < 1 or time.perf_counter() - began < _ENOUGH_S):
        batch = next(batches)
        for member in members:
            member.begin_epoch()
            member.step(batch, 0.0, 0.0)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        steps += 1
        if steps == 0:
            began = time.perf_counter()
    return (time.perf_counter() - began) / steps


def _fits(member: Member, size: int, device: torch.device) -> bool:
    """Return whether a machine's memory holds so many members; a GPU says so by itself."""
    if device.type == "cuda":
        return True
    weights = sum(each.numel() * each.element_size() for each in member.evaluated.state_dict().values())
    return size * _COPIES * weights < MEMORY_SHARE * _free_memory()


def _free_memory() -> float:
    """Return the bytes that this machine, or the container that this runs in, has left."""
    free = [float(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))]
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = [1024.0 * int(next(line for line in lines if line.startswith("MemAvailable")).split()[1])]
    with suppress(OSError, ValueError):
        limit, used = (int(Path(f"/sys/fs/cgroup/memory.{name}").read_text()) for name in ("max", "current"))
        free.append(float(limit - used))
    return min(free)
