"""Ray's jobs API over plain HTTP: Ray itself is neither imported nor started here."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from sweep.errors import InputError
from sweep.remote.profile import VARIABLES, Profile, profile_file
from sweep.utils.ray_token import PLACES

ENDED = ("SUCCEEDED", "FAILED", "STOPPED")
_TIMEOUT_S = 60.0
_OF_RAY = re.compile(r"^(\S+ \S+\tINFO job_manager\.py:.*|Running entrypoint for job .*)\n", re.MULTILINE)


class ClusterAway(InputError):
    """Nothing answers at the cluster's address."""


class JobGone(InputError):
    """The cluster does not know a job."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RemoteJob:
    """A job as the cluster knows it."""

    id: str
    """Its name there."""
    status: str
    """PENDING, RUNNING, or one of `ENDED`."""
    message: str
    """What Ray says of it."""
    exit_code: int | None
    """The driver's, once it has ended."""
    started_ms: int
    """When, in milliseconds since 1970."""
    metadata: Mapping[str, str]
    """What was noted when it was submitted."""

    @property
    def ended(self) -> bool:
        """Whether its driver is no longer running."""
        return self.status in ENDED


class _Bearer(AuthBase):
    """Shows the token, whatever ~/.netrc holds for the host."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class JobsApi:
    """The jobs of one cluster."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._auth = _Bearer(profile.token.value) if profile.token else None
        self._session = requests.Session()
        # A proxy of the environment would get the token, and cannot reach this machine.
        self._session.trust_env = not _is_this_machine(profile.address)

    def warnings(self) -> list[str]:
        """Return what is unsafe about the way to the cluster, or about the cluster.

        Raises
        ------
        InputError
            If there is no cluster that lets this user in.
        """
        self._call("GET", "/api/version")
        found = []
        if self._send("GET", "/api/version", auth=None).status_code == 200:
            found.append(
                f"the cluster at {self.profile.address} asks for no token: whoever reaches that address can "
                "run code there. Start Ray with RAY_AUTH_MODE=token and a token."
            )
        if self.profile.token and _in_the_clear(self.profile.address):
            found.append(
                f"the token goes to {self.profile.address} unencrypted: use https, or an SSH tunnel "
                "(ssh -L 8265:127.0.0.1:8265 HOST) and http://127.0.0.1:8265"
            )
        return found

    def job(self, job_id: str) -> RemoteJob | None:
        """Return a job; None if the cluster has none of that name."""
        try:
            return _job(self._read(f"/api/jobs/{job_id}"))
        except JobGone:
            return None

    def jobs(self) -> list[RemoteJob]:
        """Return the jobs of this user's folder, the newest first."""
        listed = self._read("/api/jobs/")
        ours = [_job(each) for each in listed if each.get("submission_id")]
        mine = [job for job in ours if job.metadata.get("sweep_folder") == self.profile.folder]
        return sorted(mine, key=lambda job: -job.started_ms)

    def find(self, job_id: str | None) -> RemoteJob:
        """Return a job by a beginning of its name; the newest one by default.

        Raises
        ------
        JobGone
            If there is none.
        """
        found = [job for job in self.jobs() if job.id.startswith(job_id or "")]
        if not found:
            raise self._gone(job_id or "of yours")
        return found[0]

    def get(self, job_id: str) -> RemoteJob:
        """Return a job.

        Raises
        ------
        JobGone
            If the cluster does not know it.
        """
        job = self.job(job_id)
        if job is None:
            raise self._gone(job_id)
        return job

    def _gone(self, which: str) -> JobGone:
        return JobGone(
            f"the cluster at {self.profile.address} has no job {which}: none was submitted, or Ray's head "
            "was restarted since. The same `sweep submit` resumes it, `sweep fetch` brings its results, and "
            "`sweep status --remote` lists the jobs."
        )

    def submit(self, request: Mapping[str, Any]) -> None:
        """Start a job."""
        self._call("POST", "/api/jobs/", json=dict(request))

    def log(self, job_id: str) -> str:
        """Return all that a job has printed so far, without what Ray prints before it starts."""
        return _OF_RAY.sub("", self._read(f"/api/jobs/{job_id}/logs")["logs"] or "")

    def stop(self, job_id: str) -> None:
        """Ask a job to end; it does so a moment later."""
        self._call("POST", f"/api/jobs/{job_id}/stop")

    def delete(self, job_id: str) -> None:
        """Forget a job that has ended."""
        self._call("DELETE", f"/api/jobs/{job_id}")

    def upload(self, name: str, content: bytes) -> str:
        """Store a package of files, unless it is there; return its URI."""
        path = f"/api/packages/gcs/{name}"
        if self._send("GET", path, auth=self._auth).status_code == 404:
            self._call("PUT", path, data=content)
        return f"gcs://{name}"

    def _read(self, path: str) -> Any:
        """Return what a path holds, which is JSON."""
        response = self._call("GET", path)
        try:
            return response.json()
        except ValueError as error:
            raise ClusterAway(self._away("what is there is no jobs API")) from error

    def _call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request and see that it succeeded."""
        response = self._send(method, path, auth=self._auth, **more)
        if response.status_code in (401, 403):
            raise InputError(self._refusal())
        if response.status_code == 404 and path.startswith("/api/jobs/"):
            raise JobGone(f"the cluster at {self.profile.address} does not know this job")
        if response.status_code != 200:
            last = (response.text.strip().splitlines() or [response.reason])[-1]
            raise InputError(
                f"the cluster at {self.profile.address} answers {response.status_code} to {path}: "
                f"{last[:300]}"
            )
        return response

    def _send(self, method: str, path: str, **more: Any) -> requests.Response:
        try:
            return self._session.request(
                method, self.profile.address + path, timeout=_TIMEOUT_S, allow_redirects=False, **more
            )
        except requests.RequestException as error:
            raise ClusterAway(self._away(_reason(error))) from error

    def _away(self, reason: str) -> str:
        return (
            f"no Ray cluster answers at {self.profile.address}: {reason}. Is its head running, and that port "
            f"forwarded to this machine? The address is from {VARIABLES['address']} or {profile_file()}."
        )

    def _refusal(self) -> str:
        asks = f"the cluster at {self.profile.address} asks for a token"
        if self.profile.token is None:
            return f"{asks}, and there is none here. Put it into token in {profile_file()}, or into {PLACES}."
        return (
            f"{asks}, and refuses the one from {self.profile.token.source}. Ask who runs the cluster for "
            f"its token, and put it there or into token in {profile_file()} (mode 600)."
        )


def _job(read: Mapping[str, Any]) -> RemoteJob:
    return RemoteJob(
        id=read["submission_id"],
        status=read["status"],
        message=read.get("message") or "",
        exit_code=read.get("driver_exit_code"),
        started_ms=read.get("start_time") or 0,
        metadata=read.get("metadata") or {},
    )


def _reason(error: BaseException) -> str:
    """Return the innermost reason, which is what a user knows: ``Connection refused``."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__)[:200]


def _in_the_clear(address: str) -> bool:
    return not (address.startswith("https:") or _is_this_machine(address))


def _is_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
