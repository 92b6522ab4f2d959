"""The Ray cluster: joined or started, and what its settings are."""

import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray

from sweep.core.resources import Resources
from sweep.errors import InputError
from sweep.orchestrate.authentication import authenticated, find_address, keep_token_private
from sweep.orchestrate.preflight import check_reachable
from sweep.orchestrate.raw_output import raw_stderr_to, ray_logged
from sweep.utils.socket_folders import socket_folder

_log = logging.getLogger(__name__)
_SOCKETS_BELOW = len("/ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.1")
"""Bytes of the longest path of Ray's sockets below its temporary folder."""

os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
os.environ.setdefault("RAY_AIR_NEW_OUTPUT", "0")
os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"  # the journal is the log
os.environ["TUNE_DISABLE_SIGINT_HANDLER"] = "1"  # Ctrl-C is the driver's to handle
os.environ.setdefault("RAY_CHDIR_TO_TRIAL_DIR", "0")  # a user's own function may open files beside it
os.environ["TUNE_GLOBAL_CHECKPOINT_S"] = "86400"  # Tune's own state is not used: plan and journal are ours
os.environ["TUNE_WARN_SLOW_EXPERIMENT_CHECKPOINT_SYNC_THRESHOLD_S"] = "3600"


@contextmanager
def cluster(
    resources: Resources, raw_output: Path | None = None, warn: Callable[[str], None] = _log.warning
) -> Iterator[None]:
    """Join a Ray cluster, or start one on this machine (``local``), and leave or stop it at the end.

    ``raw_output`` is the file that takes what Ray would write to the terminal; ``warn`` is called with
    what a user should know of it.

    Raises
    ------
    InputError
        If there is no cluster at the address, or Ray does not start: the machine is too busy, say.
    """
    if resources.address not in ("local", "auto"):
        check_reachable(resources.address)
    for name in ("ray.tune", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # a failed trial is reported by its record
    with raw_stderr_to(raw_output), _debugger_kept(), _joined(resources.address, warn):
        try:
            with ray_logged(lambda text: warn(_from_ray(text, raw_output))):
                yield
        finally:
            ray.shutdown()


@contextmanager
def _debugger_kept() -> Iterator[None]:
    """Give ``breakpoint()`` back: Ray makes it its own, for this process and what it starts later."""
    before = os.environ.get("PYTHONBREAKPOINT")
    try:
        yield
    finally:
        os.environ.pop("PYTHONBREAKPOINT", None)
        if before is not None:
            os.environ["PYTHONBREAKPOINT"] = before


def _from_ray(text: str, raw_output: Path | None) -> str:
    where = f" Its messages are in {raw_output}." if raw_output else ""
    return f"Ray: {text}{where} The same command resumes if this one stops."


@contextmanager
def _joined(address: str, warn: Callable[[str], None]) -> Iterator[None]:
    """Start Ray here, or join the cluster at an address with the token that it asks for."""
    if address == "local":
        keep_token_private()
        # Or Ray starts workers beforehand, and the first driver waits for ever if one of them is lost.
        system_config = {"prestart_worker_first_driver": False}
        _start(address, include_dashboard=False, _system_config=system_config, **_temporary_folder(warn))
        yield
        return
    found = find_address(address)
    with authenticated(found, warn):
        _start(found)
        yield


def _temporary_folder(warn: Callable[[str], None]) -> dict[str, str]:
    """Return where Ray keeps its sockets, if their paths would be too long where it usually does."""
    usual = os.environ.get("RAY_TMPDIR") or tempfile.gettempdir()
    folder = socket_folder(usual, _SOCKETS_BELOW)
    if folder == usual:
        return {}
    warn(f"Ray's files lie in {folder}/ray: paths below {usual} would be too long for its sockets.")
    return {"_temp_dir": f"{folder}/ray"}


def _start(address: str, **arguments: Any) -> None:
    since = time.time()
    try:
        ray.init(logging_level=logging.ERROR, log_to_driver=False, address=address, **arguments)
    except Exception as error:  # a plain one where it has not come up after 30 s
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if address != "local":
            raise InputError(f"no Ray cluster at `address` {address}: {reason}") from error
        logs = _logs_since(since, arguments.get("_temp_dir"))
        where = f" Ray's own log files are in {logs}." if logs else ""
        raise InputError(f"Ray does not start here: {reason.rstrip('.')}.{where}") from error
    _log.info("Ray %s at %s: %s", ray.__version__, address, ray.cluster_resources())


def _logs_since(since: float, folder: str | None) -> Path | None:
    """Return where the log files of a Ray lie that was started since then, if it came so far."""
    usual = f"{os.environ.get('RAY_TMPDIR') or tempfile.gettempdir()}/ray"
    logs = (Path(folder or usual) / "session_latest" / "logs").resolve()
    return logs if logs.is_dir() and logs.stat().st_mtime >= since else None
