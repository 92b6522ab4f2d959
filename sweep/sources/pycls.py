"""Reads the sweep.json that pycls collects: a list of jobs, each with its config and its log of every epoch.

pycls's own analysis drops jobs that were never evaluated, and uses the error of the best epoch. Here the last
epoch counts. Jobs that did not reach their last epoch are reported, and the user has to say what they are.
"""

import json
from pathlib import Path
from typing import Any

from sweep.core.trial import TrialState
from sweep.errors import InputError
from sweep.sources.base import LOST, Source, flatten, table_of

AVERAGED, PLAIN = "test_ema_epoch", "test_epoch"
"""The logs of a job's evaluations: of the averaged weights, and of the weights themselves."""


def read(path: Path, name: str) -> Source:
    """Read a sweep.json.

    Raises
    ------
    InputError
        If it is not one, or empty.
    """
    jobs = _load(path)
    for i, job in enumerate(jobs):
        if not isinstance(job, dict) or not isinstance(job.get("cfg"), dict):
            raise InputError(f"{name} is not a sweep.json of pycls: its job {i} has no cfg")
    averaged = any(AVERAGED in job for job in jobs)
    kept = AVERAGED if averaged else PLAIN
    rows = table_of(_cells(job) for job in jobs)
    measure = f"{kept}.top1_err"
    ends = [_end(job) for job in jobs]
    return Source(
        name=name,
        kind="pycls sweep",
        rows=rows,
        ids=[_id(job, i) for i, job in enumerate(jobs)],
        settings=[column for column in rows.columns if column.startswith("cfg.")],
        measures=[column for column in (measure, "epochs", "wall_s") if column in rows],
        states=[str(TrialState.FINISHED) if now and now == last else LOST for now, last in ends],
        series={f"{kind}.top1_err": [_logged(job, kind) for job in jobs] for kind in (AVERAGED, PLAIN)},
        notes=_notes(jobs, ends, measure),
    )


def _load(path: Path) -> list[Any]:
    try:
        jobs = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON, or is damaged: {error}") from error
    if not isinstance(jobs, list) or not jobs:
        raise InputError(f"{path} is not of pycls: a sweep.json is a list of jobs, and this has none")
    return jobs


def _id(job: dict[str, Any], i: int) -> str:
    """Return the name of a job's folder, which holds its log."""
    folder = Path(str(job.get("log_file") or "")).parent.name
    return folder or str(i)


def _cells(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job's config, complexity, and the last epoch of what it logged."""
    cells = flatten(job["cfg"], ".", "cfg.")
    for kind in (AVERAGED, PLAIN):
        for measure, values in _log(job, kind).items():
            if isinstance(values, list) and values:
                cells[f"{kind}.{measure}"] = values[-1]
    times = [_log(job, kind).get("time_epoch") for kind in ("train_epoch", PLAIN)]
    if all(isinstance(spent, list) and spent for spent in times):
        cells["wall_s"] = sum(_floats([s for spent in times if spent for s in spent], "time_epoch"))
    cells["epochs"] = _end(job)[0]
    return cells


def _log(job: dict[str, Any], kind: str) -> dict[str, Any]:
    log = job.get(kind)
    return log if isinstance(log, dict) else {}


def _logged(job: dict[str, Any], kind: str) -> list[float]:
    values = _log(job, kind).get("top1_err", [])
    return _floats(values, f"{kind}.top1_err") if isinstance(values, list) else []


def _floats(values: list[Any], measure: str) -> list[float]:
    try:
        return [float(value) for value in values]
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"not of pycls: a job's {measure} must hold numbers: {error}") from error


def _end(job: dict[str, Any]) -> tuple[int, int]:
    """Return the last epoch that a job evaluated (0 if none), and the last one of its schedule."""
    log = _log(job, AVERAGED) or _log(job, PLAIN)
    try:
        if "epoch_ind" in log:
            return int(log["epoch_ind"][-1]), int(log["epoch_max"][-1])
        if "epoch" in log:  # as older versions write it: "3/50"
            now, last = str(log["epoch"][-1]).split("/")
            return int(now), int(last)
    except (LookupError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"not of pycls: a job's epochs read {str(log)[:80]!r}") from error
    return 0, 0


def _notes(jobs: list[Any], ends: list[tuple[int, int]], measure: str) -> tuple[str, ...]:
    never = sum(now == 0 for now, _ in ends)
    short = sum(0 < now < last for now, last in ends)
    return (
        f"{len(jobs)} jobs: {never} never evaluated (pycls drops these), {short} not to their last epoch",
        f"the last epoch's {measure} counts (pycls takes the best epoch's)",
    )
