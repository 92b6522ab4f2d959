"""Reads the JSON files of Ray Tune's result folders. Ray is not imported, and nothing is unpickled."""

import json
import sys
from pathlib import Path
from typing import Any

from sweep.core.trial import TrialState
from sweep.errors import InputError
from sweep.sources.base import LOST, Source, flatten, several, table_of
from sweep.sources.jsonl import json_object, json_objects

STATE_FILES = "experiment_state-*.json"
PARAMS, RESULTS, ERROR = "params.json", "result.json", "error.txt"

_STATES = {
    "TERMINATED": TrialState.FINISHED,
    "ERROR": TrialState.FAILED,
    "RUNNING": TrialState.RUNNING,
    "PAUSED": TrialState.RUNNING,
    "PENDING": TrialState.PLANNED,
}


def read(folder: Path, name: str) -> Source:
    """Read the trials of a result folder, each with the metrics of its last result.

    Raises
    ------
    InputError
        If the folder contains no trials, or a file is damaged.
    """
    notes: list[str] = []
    trials = _listed(folder, notes) or _found(folder, notes)
    if not trials:
        inner = sorted({path.parent.name for path in folder.glob(f"*/{STATE_FILES}")})
        hint = f" Experiments in it: {several(inner)}" if inner else "".join(f" {note}." for note in notes)
        missing = f"no {STATE_FILES} that can be read, no */{PARAMS} in it"
        raise InputError(f"{name} is no Ray Tune result folder: {missing}.{hint}")
    results = [_results_of(folder, trial, notes) for trial in trials]
    cells = [_cells(trial, lines) for trial, lines in zip(trials, results, strict=True)]
    rows = table_of(cells)
    measures = [column for column in rows.columns if not column.startswith("config/")]
    return Source(
        name=name,
        kind="Ray Tune result folder",
        rows=rows,
        ids=[trial["id"] for trial in trials],
        settings=[column for column in rows.columns if column.startswith("config/")],
        measures=measures,
        states=[_state(folder, trial, lines) for trial, lines in zip(trials, results, strict=True)],
        series={c: [[_number(line.get(c)) for line in lines] for lines in results] for c in measures},
        notes=tuple(notes),
    )


def _listed(folder: Path, notes: list[str]) -> list[dict[str, Any]]:
    """Return the trials that the experiment's state files list, by id; later files override earlier ones.

    A file that cannot be read is left out: the folders of its trials tell most of it.
    """
    trials: dict[str, dict[str, Any]] = {}
    damaged, counts = False, []
    for path in sorted(folder.glob(STATE_FILES)):
        try:
            found = [_listed_trial(entry) for entry in _entries(json.loads(path.read_text()))]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            damaged = True
            notes.append(f"{path.name} cannot be read ({error!r}); folders of trials are read instead")
            continue
        counts.append(f"{path.name} ({len(found)})")
        trials |= {trial["id"]: trial for trial in found}
    if len(counts) > 1:
        notes.append(
            f"started {len(counts)} times: all trials count, as the last state file that lists them says: "
            f"{several(counts, 3)}"
        )
    listed = {trial["folder"] for trial in trials.values()}
    others = [trial for trial in _in_folders(folder) if trial["folder"] not in listed]
    if trials and damaged:
        trials |= {trial["id"]: trial for trial in others}
    elif trials and others:
        ignored = several([trial["folder"] for trial in others], 3)
        notes.append(f"ignored: {len(others)} folders of trials that {STATE_FILES} does not list, {ignored}")
    return [trials[id_] for id_ in sorted(trials)]


def _entries(state: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Return each trial as the state file packs it, with its runtime metadata.

    Until Ray 2.4 there were ``checkpoints``: a JSON string a trial, with its last result.
    """
    if "checkpoints" in state and "trial_data" not in state:
        return [(packed, packed) for packed in state["checkpoints"]]
    return [(packed, more[0] if more else None) for packed, *more in state["trial_data"]]


def _listed_trial(entry: tuple[Any, Any]) -> dict[str, Any]:
    trial, runtime = map(_unpacked, entry)
    id_ = str(trial["trial_id"])
    where = trial.get("relative_logdir") or trial.get("logdir") or id_
    return {
        "id": id_,
        "config": dict(trial["config"]),
        "status": str(trial["status"]),
        "folder": Path(str(where)).name,
        "last_result": _last_result(runtime),
    }


def _unpacked(packed: Any) -> Any:
    if isinstance(packed, str):
        return json.loads(packed) if packed else {}
    return packed or {}


def _last_result(runtime: Any) -> dict[str, Any]:
    """Return a trial's last result from its metadata; what Ray pickled is left out, nothing is unpickled."""
    result = runtime.get("last_result") if isinstance(runtime, dict) else None
    if not isinstance(result, dict):
        return {}
    return {k: v for k, v in result.items() if not (isinstance(v, dict) and "_type" in v)}


def _found(folder: Path, notes: list[str]) -> list[dict[str, Any]]:
    """Return the trials that have a folder, for an experiment without state files."""
    trials = _in_folders(folder)
    if trials:
        notes.append(
            f"no {STATE_FILES} that can be read: a trial with an {ERROR} counts as failed, one with a result "
            "as finished"
        )
    return trials


def _in_folders(folder: Path) -> list[dict[str, Any]]:
    trials = []
    for path in sorted(folder.glob(f"*/{PARAMS}")):
        config, name = json_object(path.read_text(errors="replace"), str(path)), path.parent.name
        trials.append({"id": name, "config": config, "status": None, "folder": name, "last_result": {}})
    return trials


def _results_of(folder: Path, trial: dict[str, Any], notes: list[str]) -> list[dict[str, Any]]:
    """Return a trial's results; without its folder, the last one, which the state file has."""
    if lines := _results(folder / trial["folder"] / RESULTS, notes):
        return lines
    reported = "training_iteration" in trial["last_result"]
    return [trial["last_result"]] if reported else []


def _results(path: Path, notes: list[str]) -> list[dict[str, Any]]:
    """Read a trial's results. A truncated last line was being written when the run ended; it is ignored."""
    if not path.is_file():
        return []
    lines = path.read_text(errors="replace").splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        try:
            json.loads(lines[-1])
        except (ValueError, RecursionError):
            notes.append(f"the last line of {path.parent.name}/{path.name} is truncated and was ignored")
            del lines[-1]
    return json_objects(lines, path)


def _cells(trial: dict[str, Any], results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a trial's cells, named as in Ray's ``get_dataframe``."""
    last = {key: value for key, value in results[-1].items() if key != "config"} if results else {}
    return flatten(last, "/") | flatten(trial["config"], "/", "config/")


def _state(folder: Path, trial: dict[str, Any], results: list[dict[str, Any]]) -> str:
    if (folder / trial["folder"] / ERROR).exists() and trial["status"] != "TERMINATED":
        return str(TrialState.FAILED)
    if trial["status"] is None:
        return str(TrialState.FINISHED if results else TrialState.PLANNED)
    state = _STATES.get(trial["status"], LOST)
    return str(LOST if state == TrialState.FINISHED and not results else state)


def _number(value: Any) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) <= sys.float_info.max else float("nan")
