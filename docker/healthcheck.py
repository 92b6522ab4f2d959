"""Exits with 0 if the service of this container does its work: ``healthcheck.py mlflow | node``.

Needs Python alone, as it runs every few seconds. Nothing secret is printed.
"""

import base64
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

SECRETS = Path("/run/secrets")
DONE = Path("/tmp/cluster-done")
"""Has a file for what is done once a start; docker/start.py empties it."""
START_S = 60
JOB_S = 50


def main() -> None:
    """Run the check that is named, and say in one line what is wrong.

    Until it succeeds for the first time it is tried again at once: Docker itself would pause.
    """
    check = {"mlflow": check_mlflow, "node": check_node}[sys.argv[1]]
    until = time.monotonic() + (0 if (DONE / "check").exists() else START_S)
    while True:
        try:
            check()
            return (DONE / "check").touch()
        except (OSError, KeyError, ValueError, AssertionError) as error:
            if time.monotonic() >= until:
                sys.exit(f"{type(error).__name__}: {error}")
        time.sleep(0.5)


def check_mlflow() -> None:
    """Log in as the drivers do, under the name they use, and read: host check, account and database work."""
    _mlflow("experiments/search", {"max_results": 1})


def check_node() -> None:
    """Find this node alive in the cluster; on the head, once a start, run a job and write a run, too.

    The job comes first: Ray is there before MLflow.
    """
    head = os.environ.get("RAY_HEAD", "head")
    own = {address[4][0] for address in socket.getaddrinfo(socket.gethostname(), None)}
    nodes = _ray(head, "/nodes?view=summary")["data"]["summary"]
    alive = {each["ip"] for each in nodes if each["raylet"]["state"] == "ALIVE"}
    assert own & alive, f"this node ({', '.join(sorted(own))}) is not alive in the cluster of {head}"
    if socket.gethostbyname(head) in own:
        once("job", lambda: run_a_job(head))
        once("run", write_a_run)


def once(name: str, act: Callable[[], None]) -> None:
    """Act, unless that succeeded before since this container started."""
    if not (DONE / name).exists():
        act()
        (DONE / name).touch()


def write_a_run() -> None:
    """Write a run with a metric and an artifact as a driver does, and delete it again."""
    name = "health check"
    try:
        experiment = _mlflow("experiments/create", {"name": name})["experiment_id"]
    except urllib.error.HTTPError as error:
        if error.code != 400:
            raise
        found = _mlflow(
            "experiments/search", {"max_results": 9, "view_type": "ALL", "filter": f"name = '{name}'"}
        )
        experiment = found["experiments"][0]["experiment_id"]
        if found["experiments"][0]["lifecycle_stage"] == "deleted":
            _mlflow("experiments/restore", {"experiment_id": experiment})
    run = _mlflow("runs/create", {"experiment_id": experiment, "start_time": int(time.time() * 1000)})
    run_id = run["run"]["info"]["run_id"]
    metric = {"run_id": run_id, "key": "healthy", "value": 1, "timestamp": int(time.time() * 1000)}
    _mlflow("runs/log-metric", metric)
    place = f"{experiment}/{run_id}/artifacts/healthy.txt"
    _call(_mlflow_address() + f"/api/2.0/mlflow-artifacts/artifacts/{place}", _basic(), b"healthy", "PUT")
    _mlflow("runs/delete", {"run_id": run_id})
    _mlflow("experiments/delete", {"experiment_id": experiment})


def run_a_job(head: str) -> None:
    """Submit a job that runs `sweep --help`, and wait for its end; it stays in the list of jobs."""
    name = f"health-check-{time.time():.0f}"
    _ray(head, "/api/jobs/", {"submission_id": name, "entrypoint": "python -m sweep --help"})
    for _ in range(JOB_S * 2):
        status = _ray(head, f"/api/jobs/{name}")["status"]
        if status in ("SUCCEEDED", "FAILED", "STOPPED"):
            break
        time.sleep(0.5)
    assert status == "SUCCEEDED", f"the job `sweep --help` is {status}"


def _mlflow(path: str, body: dict[str, Any]) -> Any:
    return _call(f"{_mlflow_address()}/api/2.0/mlflow/{path}", _basic(), json.dumps(body).encode())


def _mlflow_address() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI", "http://mlflow:5000")


def _ray(head: str, path: str, body: dict[str, Any] | None = None) -> Any:
    token = (SECRETS / "ray_token").read_text().strip()
    data = None if body is None else json.dumps(body).encode()
    return _call(f"http://{head}:8265{path}", f"Bearer {token}", data)


def _basic() -> str:
    password = (SECRETS / "mlflow_sweep_password").read_text().strip()
    return "Basic " + base64.b64encode(f"sweep:{password}".encode()).decode()


def _call(url: str, authorization: str, body: bytes | None = None, method: str | None = None) -> Any:
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers, method=method)
    with urllib.request.urlopen(request, timeout=15) as answer:
        text = answer.read()
    return json.loads(text) if text.startswith(b"{") else None


if __name__ == "__main__":
    main()
