"""The machines of a Ray cluster: how many trials they carry, and whether they see what a trial needs."""

from collections.abc import Sequence
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep.checkpoints.probe import Probe, probe
from sweep.core.resources import Resources
from sweep.data.images import FileSplits, Splits
from sweep.errors import InputError
from sweep.orchestrate.preflight import check_carried
from sweep.utils.tracebacks import last_line

ANSWER_S = 300.0
"""The machines have so long to say what they see; each may have to start a process first."""


def parallel_trials(resources: Resources) -> tuple[int, float]:
    """Return how many trials run at once, and the GPUs that each takes, all of one machine.

    Raises
    ------
    InputError
        If no machine of the cluster can carry a single trial.
    """
    cpus, gpus = resources.cpus_per_trial, resources.gpus_per_trial
    machines = [node["Resources"] for node in alive()]
    most = max((has.get("GPU", 0.0) for has in machines), default=0.0)
    gpus = min(1.0, most) if gpus is None else gpus
    for name, value in (("CPU", cpus), ("GPU", gpus)):
        if value:
            check_carried(name, value, [has.get(name, 0.0) for has in machines])
    if not (parallel := sum(_carried(has, cpus, gpus) for has in machines)):
        raise InputError(f"no machine of the cluster has both {cpus:g} CPUs and {gpus:g} GPUs for a trial")
    return parallel, gpus


def check_seen(resources: Resources, data: Sequence[Splits | FileSplits]) -> None:
    """See whether every machine that trains reads ``--storage`` and, where they are files, the images.

    Raises
    ------
    InputError
        If nothing can be written to the storage from here, or a machine does not see what was written, or
        an image.
    """
    files = [split for each in data if isinstance(each, FileSplits) for split in each]
    images = [split.paths[0] for split in files if split.paths]
    with probe(resources.storage) as written:
        if resources.address == "local" or not (written or images):
            return
        _, gpus = parallel_trials(resources)
        nodes = [node for node in alive() if _carried(node["Resources"], resources.cpus_per_trial, gpus)]
        answers = [_ask(node, written, images) for node in nodes]
        ray.wait(answers, num_returns=len(answers), timeout=ANSWER_S)
        left = {node["NodeID"] for node in alive()}
        for node, answer in zip(nodes, answers, strict=True):
            if problem := _answer(answer) if node["NodeID"] in left else None:
                name = f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']})"
                raise InputError(f"{problem} on {name}, a machine of the cluster. All must see the same.")


def alive() -> list[dict[str, Any]]:
    """Return the machines that are part of the cluster now, as Ray describes them."""
    return [node for node in ray.nodes() if node["Alive"]]


def _carried(has: dict[str, float], cpus: float, gpus: float) -> int:
    """Count the trials that a machine carries at once."""
    asked = [(name, value) for name, value in (("CPU", cpus), ("GPU", gpus)) if value]
    return min(int(has.get(name, 0.0) / value) for name, value in asked)


def _ask(node: dict[str, Any], written: Probe | None, images: list[str]) -> Any:
    there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    task = ray.remote(_not_seen).options(num_cpus=0, scheduling_strategy=there)
    return task.remote(written, images)


def _answer(reference: Any) -> str | None:
    try:
        return ray.get(reference, timeout=1)
    except Exception as error:  # whatever Ray says of a machine that does not answer, or has another version
        return f"what is seen could not be found out ({last_line(error)})"


def _not_seen(written: Probe | None, images: list[str]) -> str | None:
    """Say, on the machine that is asked, what is not there."""
    for path in images:
        try:
            with open(path, "rb") as file:
                file.read(1)
        except OSError as error:
            return f"{path} (--data) cannot be read ({error.strerror})"
    return written.problem() if written else None
