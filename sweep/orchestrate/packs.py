"""Which trials are trained together."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise

from sweep.core.jobs import Job, TrialObserver

Kind = tuple[int, str, str]
"""Setting, model and optimizer: what the trials of a pack have in common."""


def kind_of(job: Job) -> Kind:
    """Return which jobs a job may train with."""
    return job.setting, job.trial.model, job.trial.optimizer


def form_packs(
    jobs: Sequence[Job], chosen: Collection[int], *, most: Callable[[Kind], int], workers: int
) -> list[list[int]]:
    """Divide jobs into packs: trials of one model, optimizer and recipe, in their order.

    The packs of a sweep are about equally large, and as many that all workers end at about the same time.

    Parameters
    ----------
    jobs : sequence of Job
        All jobs.
    chosen : collection of int
        Indices of those that are to be trained, in their order.
    most : callable
        The largest number of trials in a pack of a kind.
    workers : int
        How many packs are trained at the same time.

    Returns
    -------
    list of list of int
        The indices of each pack's jobs.
    """
    alike: dict[Kind, list[int]] = {}
    for index in chosen:
        alike.setdefault(kind_of(jobs[index]), []).append(index)
    return [pack for kind, group in alike.items() for pack in _divided(group, most(kind), workers)]


def _divided(group: list[int], most: int, workers: int) -> list[list[int]]:
    rounds = math.ceil(len(group) / (most * workers))
    count = min(len(group), rounds * workers)
    bounds = [len(group) * i // count for i in range(count + 1)]
    return [group[start:end] for start, end in pairwise(bounds)]


def to_measure(jobs: Sequence[Job], workers: int) -> dict[Kind, tuple[Job, int]]:
    """Return the kinds whose trials could be packed: one of the jobs, and the largest pack that is of use."""
    alike: dict[Kind, list[Job]] = {}
    for job in jobs:
        alike.setdefault(kind_of(job), []).append(job)
    most = {kind: math.ceil(len(group) / workers) for kind, group in alike.items()}
    return {kind: (group[0], most[kind]) for kind, group in alike.items() if most[kind] > 1}


def packs_of(sizes: Mapping[Kind, int], otherwise: int = 1) -> Callable[[Kind], int]:
    """Return the largest pack of each kind as a function; ``otherwise`` of those that were not measured."""
    return lambda kind: sizes.get(kind, otherwise)


def report_sizes(
    sizes: Mapping[Kind, int], measured: Mapping[Kind, tuple[Job, int]], observer: TrialObserver
) -> None:
    """Tell an observer of the packs that were found to be the fastest."""
    for kind, (job, _) in measured.items():
        if sizes[kind] > 1:
            observer.on_message(job.trial, f"packs of up to {sizes[kind]} trials were measured to be fastest")
