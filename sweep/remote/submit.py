"""A command becomes a job of the cluster: the same command, the same job."""

import hashlib
import re
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from sweep.errors import InputError
from sweep.remote.jobs import JobsApi, RemoteJob
from sweep.remote.submit_archive import Package
from sweep.remote.version import build

FOLDER = "sweep_folder"
"""Where the driver's folder stands in a job's metadata; by it a user's jobs are known."""
COMMAND = "sweep_command"
FIGURES = "figures"
"""In the user's folder, for what a study draws."""
_COMMANDS = re.compile(r"\bsweep (run|tune|study)\b")
"""Commands that a driver names, and that are submitted here."""
_DRAW = re.compile(r"Next: sweep cdf\b.*")
"""What a driver names as the next command; the results are not here yet."""
_EVERY_S = 1.0
_ACCEPTED = " to train"
"""What a driver prints once nothing is wrong with its command."""
_NOT_OURS = re.compile(r"No module named '?sweep\b")
"""What Python prints without our package, or of an older version without the module that is asked for."""
_LISTED = 20
"""More jobs than these, the newest, are not listed: their logs are read."""
_SETTLES_S = 6.0
"""It joins Ray then, and may be refused once more: a machine does not see the storage, say."""
_STOP_WAIT_S = "30"
"""Ray kills a driver that has not ended this long after it was asked to; by default it waits for 3."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Submission:
    """What is to run on the cluster."""

    words: Sequence[str]
    """Of the command, without ``sweep``."""
    folder: str
    """The user's folder there."""
    package: Package | None = None
    """What travels with it."""

    @property
    def command(self) -> str:
        """Return the command as a shell would be given it."""
        return shlex.join(["sweep", *self.words])

    @property
    def name(self) -> str:
        """Return the beginning of the job's name: the same for the same command, files and folder."""
        parts = [self.folder, *self.words, self.package.name if self.package else ""]
        stamp = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:8]
        return f"{PurePosixPath(self.folder).name or 'sweeps'}-{self.words[0]}-{stamp}"

    def number(self, job_id: str) -> int:
        """Return how many times this was submitted when a job was named so; 0 if the job is another."""
        found = re.fullmatch(rf"{re.escape(self.name)}(?:-(\d+))?", job_id)
        return int(found[1] or 1) if found else 0

    def request(self, job_id: str, package_uri: str | None) -> dict[str, Any]:
        """Return the job as Ray takes it. The token is no part of it: its environment can be read."""
        start = [
            "python",
            "-m",
            "sweep.remote.start",
            f"--version={build()}",
            f"--folder={self.folder}",
            "--",
        ]
        files = {"working_dir": package_uri} if package_uri else {}
        variables = {"RAY_JOB_STOP_WAIT_TIME_S": _STOP_WAIT_S, "PYTHONUNBUFFERED": "1"}
        return {
            "submission_id": job_id,
            "entrypoint": shlex.join([*start, *self.words]),
            "metadata": {FOLDER: self.folder, COMMAND: self.command},
            "runtime_env": {"env_vars": variables} | files,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A job of the cluster that was submitted just now, or before."""

    job_id: str
    is_new: bool
    """Whether it was started; else it was running already."""


def submit(api: JobsApi, submission: Submission) -> Begun:
    """Start a job, unless it is running.

    Ray frees the name of a job some time after the job has ended, so each start has a name of its own.
    """
    earlier = [job for job in api.jobs() if submission.number(job.id)]
    for job in earlier:
        if not job.ended:
            return Begun(job_id=job.id, is_new=False)
    number = 1 + max((submission.number(job.id) for job in earlier), default=0)
    job_id = submission.name if number == 1 else f"{submission.name}-{number}"
    package = submission.package
    uri = api.upload(package.name, package.content) if package else None
    api.submit(submission.request(job_id, uri))
    for job in earlier:
        api.delete(job.id)  # its results and logs are in the sweep's folder
    return Begun(job_id=job_id, is_new=True)


def follow(
    api: JobsApi,
    job_id: str,
    show: Callable[[str], None],
    *,
    enough: Callable[[], bool] = lambda: False,
) -> RemoteJob:
    """Show what a job prints as it comes.

    Parameters
    ----------
    api : JobsApi
        The cluster.
    job_id : str
        The job.
    show : callable
        Is called with each piece of whole lines.
    enough : callable
        Says, after each look at the job, whether to end before the job does.

    Returns
    -------
    RemoteJob
        The job at the last look.
    """
    shown = 0
    while True:
        job = api.get(job_id)  # before its log: what it prints last is not missed
        log = api.log(job_id)
        end = len(log) if job.ended else log.rfind("\n") + 1
        if end > shown:
            show(log[shown:end])
            shown = end
        if job.ended or enough():
            return job
        time.sleep(_EVERY_S)


def until_begun(api: JobsApi, job_id: str, show: Callable[[str], None]) -> RemoteJob:
    """Show what a driver prints until it has been training for a while, or has ended; see `follow`.

    Raises
    ------
    InputError
        If the cluster has no package of ours.
    """
    printed, accepted = "", 0.0

    def take(text: str) -> None:
        nonlocal printed, accepted
        printed += text
        check_installed(printed)
        if _ACCEPTED in printed and not accepted:
            accepted = time.monotonic()
        show(text)

    def enough() -> bool:
        return 0 < accepted < time.monotonic() - _SETTLES_S

    return follow(api, job_id, take, enough=enough)


def job_rows(api: JobsApi) -> list[dict[str, Any]]:
    """Describe this user's jobs, the newest first: name, status, command, what the driver printed last."""
    return [
        {
            "job": job.id,
            "status": job.status.lower(),
            "command": here(job.metadata.get(COMMAND, ""), api.profile.folder),
            "started": datetime.fromtimestamp(job.started_ms / 1000, UTC).isoformat(timespec="seconds"),
            "exit_code": job.exit_code,
            "last_line": here(_last_line(api.log(job.id)) or job.message, api.profile.folder),
        }
        for job in api.jobs()[:_LISTED]
    ]


def _last_line(text: str) -> str:
    return text.strip().rpartition("\n")[2]


def stop(api: JobsApi, job: RemoteJob) -> RemoteJob:
    """Stop a job, and wait until its driver has ended."""
    if not job.ended:
        api.stop(job.id)
    while not job.ended:
        time.sleep(_EVERY_S)
        job = api.get(job.id)
    return job


def run_and_read(api: JobsApi, folder: str, words: Sequence[str]) -> str:
    """Run a program of ours on the cluster that changes nothing there, and return what it prints.

    Raises
    ------
    InputError
        If it fails.
    """
    job_id = f"{PurePosixPath(folder).name}-read-{time.time_ns():x}"
    api.submit({"submission_id": job_id, "entrypoint": shlex.join(["python", "-m", *words])})
    while not (job := api.get(job_id)).ended:
        time.sleep(_EVERY_S / 2)
    text = api.log(job_id)
    api.delete(job_id)
    check_installed(text)
    if job.status != "SUCCEEDED":
        raise InputError(f"the cluster could not read {folder}: {(text or job.message).strip()[-300:]}")
    return text


def check_installed(log: str) -> None:
    """Refuse a cluster whose Python has no package of ours.

    Raises
    ------
    InputError
        If that is what a job's log says.
    """
    if _NOT_OURS.search(log):
        raise InputError(
            f"the cluster has no robustness-sweep, or another version: install {build()} for the Python "
            "that Ray runs with, on its head and its workers"
        )


def there(option: str, value: str, folder: str) -> str:
    """Return the value of an option as the command is given it on the cluster.

    Parameters
    ----------
    option : str
        The option's name.
    value : str
        What it was given here.
    folder : str
        The user's folder there.

    Raises
    ------
    InputError
        If it names a path of this machine that does not travel.
    """
    if option == "recipe" and value.endswith(".toml"):
        return PurePosixPath(value).name
    if option == "out":
        return f"{folder}/{FIGURES}/{PurePosixPath(value).name}"
    if option in ("data", "storage") and not (value.startswith("/") or "://" in value):
        raise InputError(f"`{option}` {value}: it does not travel; give the path on the cluster's machines")
    return value


def here(text: str, folder: str) -> str:
    """Return what a driver printed with its commands as they are given here."""
    text = _DRAW.sub("Next: sweep fetch, then sweep cdf --dir fetched --out fig.pdf", text)
    return _COMMANDS.sub(r"sweep submit \1", text).replace(f" --dir {folder}", "")
