"""One sweep on every kind of store: killed, resumed, checked and mended, it is the same in the end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from chaos_servers import MlflowServer, Postgres, closing, lacks
from chaos_site import Site, wait_until
from mlflow import MlflowClient
from mlflow.entities import Run
from support.s3 import KEYS, make_bucket, object_names, s3_store

pytestmark = pytest.mark.system

STORES = ("no server", "sqlite, disk", "sqlite, s3", "postgres, disk", "postgres, s3")
"""MLflow's database, and where its server keeps artifacts."""
TIMES = ("wall_s", "epoch_s", "total_s")
"""Metrics that no two runs share."""


@dataclass(frozen=True, kw_only=True)
class Store:
    """Where MLflow keeps what."""

    uri: str
    """Its address."""
    s3: str = ""
    """HOST:PORT of the S3 store that has the artifacts, if one has."""
    bucket: str = ""


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    pytest.importorskip("boto3", reason="no boto3")
    with s3_store(tmp_path_factory.mktemp("s3")) as address:
        yield address


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    database, _, artifacts = request.param.partition(", ")
    if database == "no server":
        yield Store(uri=f"sqlite:///{tmp_path}/mlflow.db")
        return
    address = request.getfixturevalue("s3") if artifacts == "s3" else ""
    bucket = f"artifacts-{database}" if address else ""
    with _backend(database) as backend, _server(tmp_path, backend, address, bucket) as server:
        yield Store(uri=server.uri, s3=address, bucket=bucket)


@contextmanager
def _backend(database: str) -> Iterator[str | None]:
    """Yield the address of MLflow's database; None is a file of its own."""
    if database != "postgres":
        yield None
        return
    if missing := lacks(["postgres"]):
        pytest.skip(missing)
    with TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)  # PostgreSQL runs as a user of its own
        with closing(Postgres(Path(folder) / "postgres"), "stop_at_once") as postgres:
            yield postgres.uri


def _server(folder: Path, backend: str | None, address: str, bucket: str) -> Any:
    if not bucket:
        return closing(MlflowServer(folder, backend), "kill")
    make_bucket(address, bucket)
    variables = KEYS | {"MLFLOW_S3_ENDPOINT_URL": f"http://{address}"}
    return closing(MlflowServer(folder, backend, f"s3://{bucket}", **variables), "kill")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The sweep's table, and what MLflow holds of it, where nothing happened."""
    site = Site(tmp_path_factory.mktemp("undisturbed"), address="none")
    assert site.until_done() == [0]
    return site.export(), contents(site)


def contents(site: Site) -> dict[str, Any]:
    """Return all that MLflow holds of each trial, and of the sweep, by its key or role."""
    client = MlflowClient(site.uri)
    [experiment] = [each.experiment_id for each in client.search_experiments() if each.name == "sweep-tiny"]
    return {
        run.data.tags.get("sweep.key", "sweep"): _contents(client, run)
        for run in client.search_runs([experiment], max_results=100)
    }


def _contents(client: MlflowClient, run: Run) -> dict[str, Any]:
    tags = {name: run.data.tags.get(name) for name in ("sweep.state", "sweep.role")}
    histories = {
        name: [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, name)]
        for name in run.data.metrics
        if name not in TIMES
    }
    return tags | run.data.params | histories | {"artifacts": sorted(_artifacts(client, run.info.run_id))}


def _artifacts(client: MlflowClient, run: str, path: str | None = None) -> Iterator[str]:
    for each in client.list_artifacts(run, path):
        if each.is_dir:
            yield from _artifacts(client, run, each.path)
        else:
            yield each.path


def given(site: Site, *words: str) -> tuple[int, str]:
    """Give a command in the folder of a sweep."""
    command = [sys.executable, "-m", "sweep", *words]
    ran = subprocess.run(
        command, cwd=site.folder, env=site.environment, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_killed_resumed_checked_and_mended_it_is_the_same_on_every_store(store, undisturbed, tmp_path):
    table, wanted = undisturbed
    site = Site(tmp_path / "work", uri=store.uri, address="none")
    driver = site.start()
    assert wait_until(lambda: site.events() > site.work.events / 3, 200), site.log()
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    assert site.events() < site.work.events
    assert site.until_done() == [0], site.log()
    assert site.problems(table) == []
    assert contents(site) == wanted
    code, printed = given(site, "status", "--check")
    assert code == 0, printed

    client = MlflowClient(store.uri)
    lost = client.search_runs(["1"], "tags.`sweep.role` = 'point'", max_results=1)[0]
    client.delete_run(lost.info.run_id)
    code, printed = given(site, "status", "--check")
    assert code == 1, printed
    assert lost.data.tags["sweep.key"] in printed
    assert given(site, "sync")[0] == 0
    assert given(site, "status", "--check")[0] == 0
    assert contents(site) == wanted

    [parent] = client.search_runs(["1"], "tags.`sweep.role` = 'sweep'")
    [plan] = site.folder.glob("sweeps/*/plan.json")
    fetched = client.download_artifacts(parent.info.run_id, "plan.json", str(tmp_path / "work"))
    assert Path(fetched).read_bytes() == plan.read_bytes()
    on_disk = [path for path in tmp_path.rglob(f"{parent.info.run_id}/artifacts/plan.json") if path.is_file()]
    in_s3 = [name for name in object_names(store.s3, store.bucket) if name.endswith("/plan.json")]
    assert (len(on_disk), len(in_s3)) == ((0, 1) if store.bucket else (1, 0))
