"""The cluster of docker/compose.yaml in a real engine: what gets in, what survives, what can be restored.

The tests are steps of one story, in this order: a cluster takes a minute to start.
"""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from secrets import token_hex

import pandas as pd
import pytest
from support.browser import CHROMIUM, browser
from support.engine import PLANTED, ROOT, Cluster, build_images, docker, skip_without_engine, status
from support.runs import sweep, table

pytestmark = pytest.mark.system

N = 16
WORDS = f"run --model vit_p_1mf --recipe tiny.toml --lr .005 --wd .05 --n {N} --seeds 1".split()
TRIALS = N + 1
FOLDER = "/sweeps/alice"
HEALTHY_S, FIRST_RESULT_S = 60, 30
AT_REST_GB = 2.5

RUNS = """
from mlflow import MlflowClient
client = MlflowClient()
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id], max_results=1000):
        tags = run.data.tags
        if "sweep.key" in tags and tags["sweep.role"] != "sweep":
            details = sorted((run.data.params | tags).items())
            print(tags["sweep.key"], tags["sweep.state"], details)
"""
"""Every trial's run in MLflow, as the drivers' account sees it: a line each."""
PARENT = """
from mlflow import MlflowClient
client = MlflowClient()
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id], "tags.`sweep.role` = 'sweep'"):
        print(experiment.experiment_id, run.info.run_id)
"""
RAY_LOGS = """
from pathlib import Path
for path in Path("/tmp/ray/session_latest/logs").rglob("*"):
    print(path.read_text(errors="replace") if path.is_file() else path)
"""
CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)"
LIST = """
import sys
from pyarrow.fs import FileSelector, S3FileSystem
S3FileSystem(endpoint_override="s3:8333", scheme="http").get_file_info(FileSelector(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    skip_without_engine()
    made = Cluster(tmp_path_factory.mktemp("cluster"), build_images())
    try:
        yield made
    finally:
        made.compose("--profile=tls", "down", "--volumes", "--timeout=5")


@pytest.fixture(scope="module")
def laptop(tmp_path_factory):
    """A folder that is no part of the cluster."""
    return tmp_path_factory.mktemp("laptop")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The same sweep in one process, without a cluster."""
    folder = tmp_path_factory.mktemp("undisturbed")
    ran = sweep(folder, *WORDS, "--address", "none")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return table(folder)


# ---- the laptop's side


def remote(cluster: Cluster, laptop: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours that speaks to the cluster."""
    profile = {"SWEEP_CLUSTER_ADDRESS": cluster.ray, "SWEEP_CLUSTER_FOLDER": FOLDER}
    return sweep(laptop, *words, RAY_AUTH_TOKEN=cluster.secrets["RAY_TOKEN"], **profile)


def submit(cluster: Cluster, laptop: Path) -> None:
    ran = remote(cluster, laptop, "submit", *WORDS)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def fetched(cluster: Cluster, laptop: Path) -> pd.DataFrame:
    """Bring the sweep here; return its trials without what no two runs share."""
    shutil.rmtree(laptop / "sweeps", ignore_errors=True)
    ran = remote(cluster, laptop, "fetch", "--out", "sweeps")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return table(laptop)


def ended(cluster: Cluster) -> int:
    """Return how many trials have their result on the head's volume."""
    count = f'cat {FOLDER}/*/journal.jsonl 2>/dev/null | grep -c \'"event": "end"\' || true'
    return int(cluster.compose("exec", "-T", "head", "sh", "-c", count))


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = 600) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.5)


def runs_still(cluster: Cluster) -> bool:
    return cluster.job(sweeps_job(cluster))["status"] in ("PENDING", "RUNNING")


def wait_for_job(cluster: Cluster, job: str) -> str:
    """Wait for the end of a job; return what it printed."""
    wait_for(lambda: cluster.job(job)["status"] not in ("PENDING", "RUNNING"), "the job does not end")
    logs = cluster.job(f"{job}/logs")["logs"]
    assert cluster.job(job)["status"] == "SUCCEEDED", logs[-3000:]
    return logs


def sweeps_job(cluster: Cluster) -> str:
    """Return the job that `sweep submit` made."""
    [job] = [job["submission_id"] for job in cluster.job("") if job["submission_id"].startswith("alice-run")]
    return job


def runs(cluster: Cluster) -> list[str]:
    return sorted(cluster.python("head", RUNS).splitlines())


def assert_each_result_is_there_once(cluster: Cluster, laptop: Path, wanted: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(fetched(cluster, laptop), wanted, check_exact=True)
    found = [line.split(" ", 2)[:2] for line in runs(cluster)]
    assert len(found) == len({key for key, _ in found}) == TRIALS
    assert {state for _, state in found} == {"finished"}


# ---- the story


def test_it_is_healthy_and_small(cluster):
    took = cluster.up()
    names = cluster.containers()
    assert len(names) == 6
    wait_for(lambda: used_gb(names) < AT_REST_GB, f"{used_gb(names)} GB at rest", 60)  # Ray ends idle workers
    print(f"healthy after {took:.0f} s, {used_gb(names):.2f} GB at rest")
    assert took < slower() * HEALTHY_S


def slower() -> float:
    """Return how many times slower a machine may be that does other things, too."""
    return max(2.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def used_gb(names: list[str]) -> float:
    """Return the memory that containers take, in GB."""
    stats = docker("stats", "--no-stream", "--format={{.MemUsage}}", *names).stdout
    sizes = re.findall(r"^([\d.]+)([KMG])iB /", stats, re.MULTILINE)
    return sum(float(size) * {"K": 2**10, "M": 2**20, "G": 2**30}[unit] for size, unit in sizes) / 1e9


def test_without_token_or_password_nobody_gets_in(cluster):
    mlflow = f"{cluster.mlflow}/api/2.0/mlflow/experiments/search?max_results=1"
    assert status(mlflow) == 401
    assert status(mlflow, Authorization=cluster.basic("sweep", "wrong")) == 401
    assert status(mlflow, Authorization=cluster.basic("sweep")) == 200
    jobs = f"{cluster.ray}/api/jobs/"
    assert status(jobs) == 401
    assert status(jobs, Authorization="Bearer " + "0" * 64) in (401, 403)
    assert status(jobs, Authorization=f"Bearer {cluster.secrets['RAY_TOKEN']}") == 200


def test_foreign_hosts_and_pages_are_refused(cluster):
    search, body = f"{cluster.mlflow}/api/2.0/mlflow/experiments/search", b'{"max_results": 1}'
    known = {"Content_Type": "application/json", "Authorization": cluster.basic("sweep")}
    assert status(search, body, **known) == 200
    assert status(search, body, Host="evil.example.org", **known) == 403
    assert status(search, body, Origin="https://evil.example.org", **known) == 403


def test_nobody_chooses_where_mlflow_keeps_artifacts(cluster):
    """tests/system/test_mlflow_places.py has every way; this is that the cluster's server refuses at all."""
    create, name = f"{cluster.mlflow}/api/2.0/mlflow/experiments/create", token_hex(8)
    known = {"Content_Type": "application/json", "Authorization": cluster.basic("admin")}
    for place in ("/home/sweep", "s3://artifacts/1"):
        assert status(create, json.dumps({"name": name, "artifact_location": place}).encode(), **known) == 403
    assert status(create, json.dumps({"name": name}).encode(), **known) == 200


def test_nothing_else_is_published_and_jobs_do_not_reach_the_database(cluster):
    form = "{{range $port, $on := .NetworkSettings.Ports}}{{range $on}}{{.HostIp}} {{$port}}\n{{end}}{{end}}"
    published = docker("inspect", f"--format={form}", *cluster.containers()).stdout.split("\n")
    assert sorted(filter(None, published)) == ["127.0.0.1 5000/tcp", "127.0.0.1 8265/tcp"]
    cluster.python("worker", CONNECT, "mlflow", "5000")
    for service, port in (("postgres", "5432"), ("s3", "8888"), ("s3", "9333"), ("s3", "8080")):
        with pytest.raises(AssertionError, match=r"not known|refused|resolution"):
            cluster.python("worker", CONNECT, service, port)


def test_a_node_reads_its_own_bucket_alone(cluster):
    cluster.python("worker", LIST, "checkpoints")
    with pytest.raises(AssertionError, match="ACCESS_DENIED"):
        cluster.python("worker", LIST, "artifacts")


def test_every_result_is_there_once_whatever_is_killed(cluster, laptop, undisturbed):
    started = time.monotonic()
    submit(cluster, laptop)
    wait_for(lambda: ended(cluster) >= 1, "no trial ends")
    print(f"the first trial's result came {(took := time.monotonic() - started):.0f} s after submit")
    assert took < slower() * FIRST_RESULT_S
    cluster.kill("worker")
    before = ended(cluster)
    wait_for(lambda: ended(cluster) > before, "no trial ends after a worker was lost")
    cluster.kill("head")
    cluster.up()
    before = ended(cluster)
    assert before < TRIALS
    submit(cluster, laptop)
    wait_for(lambda: ended(cluster) > before, "no trial ends after the head was lost")
    cluster.compose("restart", "--timeout=1", "postgres", "mlflow")
    wait_for(lambda: not runs_still(cluster), "the job does not end")
    cluster.up()
    submit(cluster, laptop)  # sends what MLflow missed while it was away; trains nothing
    wait_for_job(cluster, sweeps_job(cluster))
    assert_each_result_is_there_once(cluster, laptop, undisturbed)


def test_no_secret_is_where_others_could_see_it(cluster):
    words = "env; cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    job = cluster.job("", {"entrypoint": f'sh -c "{words}"'})["submission_id"]
    names = cluster.containers()
    seen = {
        "a job's environment and its node's processes": wait_for_job(cluster, job),
        "logs": cluster.compose("logs", "--no-color"),
        "Ray's logs": cluster.python("head", RAY_LOGS),
        "processes": "".join(docker("top", name, "-eo", "pid,args").stdout for name in names),
        "settings": "".join(docker("inspect", "--format={{json .Config}}", name).stdout for name in names),
        "MLflow": "".join(runs(cluster)),
        "plans": cluster.compose("exec", "-T", "head", "sh", "-c", f"cat {FOLDER}/*/*.*"),
        "images": "".join(
            docker("history", "--no-trunc", f"{cluster.image}:{kind}").stdout for kind in ("cpu", "mlflow")
        ),
    }
    assert [where for where, text in seen.items() if len(text) < 100] == []
    secrets = cluster.secrets.items()
    assert [(where, name) for where, text in seen.items() for name, value in secrets if value in text] == []


def test_no_file_of_an_image_has_a_secret_of_the_folder_it_was_built_in(cluster):
    script = "grep -rlF --exclude-dir=proc --exclude-dir=sys -e \"$0\" -e 'Exits with 0 if the service' /"
    for kind in ("cpu", "mlflow"):
        words = ("run", "--rm", "--network=none", "--user=0", "--entrypoint=sh", f"{cluster.image}:{kind}")
        found = docker(*words, "-c", script, PLANTED, timeout_s=300).stdout.split()
        assert found == ["/opt/cluster/healthcheck.py"], kind


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian package chromium)")
def test_a_browser_logs_in_and_sees_the_runs(cluster, tmp_path):
    [parent, *_] = cluster.python("head", PARENT).split("\n")
    experiment, run = parent.split()
    account = f"admin:{cluster.secrets['MLFLOW_ADMIN_PASSWORD']}@"
    shows = "document.body.innerText.includes('vit_p_1mf-adamw-tiny')"
    with browser(tmp_path) as page:
        page.size(1280)
        page.send("Page.navigate", url=f"{cluster.mlflow}/#/experiments/{experiment}/runs")
        with pytest.raises(AssertionError, match="not within"):
            page.wait(shows, 5)
        page.send("Page.navigate", url=cluster.mlflow.replace("://", f"://{account}") + "/version")
        page.wait("/^\\d+\\./.test(document.body.innerText)")
        page.open(f"{cluster.mlflow}/#/experiments/{experiment}/runs")
        page.wait(shows, 60)
        page.picture(tmp_path / "runs.png")
        page.open(f"{cluster.mlflow}/#/experiments/{experiment}/runs/{run}/artifacts/figures/edf.png")
        page.wait("[...document.images].some(image => image.naturalWidth > 500)", 60)
        page.picture(tmp_path / "figure.png")


def test_it_is_restored_after_everything_was_destroyed(cluster, laptop, undisturbed, tmp_path):
    before = runs(cluster)
    saved = cluster.run("backup", str(tmp_path / "backup"))
    assert saved.returncode == 0, saved.stderr
    refused = cluster.run("restore", str(tmp_path / "backup"))
    assert (refused.returncode, "is left as it is" in refused.stderr) == (2, True)
    cluster.compose("down", "--volumes", "--timeout=5")
    (cluster.folder / ".env").unlink()
    restored = cluster.run("restore", str(tmp_path / "backup"))
    assert restored.returncode == 0, restored.stderr
    assert runs(cluster) == before
    submit(cluster, laptop)
    wait_for_job(cluster, sweeps_job(cluster))
    assert_each_result_is_there_once(cluster, laptop, undisturbed)


def test_the_database_is_upgraded_as_the_operations_page_says(cluster):
    page = (ROOT / "docs/service/operations.md").read_text()
    [words] = re.findall(r"docker compose (run --rm mlflow \\\n +mlflow db upgrade \S+)", page)
    cluster.compose("stop", "--timeout=5", "mlflow")
    cluster.compose(*words.replace("\\\n", " ").split())
    cluster.up()


def test_new_passwords_are_taken_over_and_results_stay(cluster, laptop, undisturbed):
    cluster.rotate("MLFLOW_SWEEP_PASSWORD", "S3_CHECKPOINTS_KEY", "RAY_TOKEN")
    cluster.compose("down", "--timeout=5")
    cluster.up()
    assert_each_result_is_there_once(cluster, laptop, undisturbed)


def test_https_in_front_of_it(cluster):
    cluster.compose("--profile=tls", "up", "--detach", "--no-build", "tls")

    def answer(port: str, path: str) -> str:
        words = ["curl", "--silent", "--insecure", "--output", "/dev/null", "--write-out", "%{http_code}"]
        url = f"https://localhost:{cluster.ports[port]}{path}"
        return subprocess.run([*words, url], capture_output=True, text=True, check=False, timeout=30).stdout

    wait_for(lambda: answer("TLS_PORT", "/health") == "200", "no HTTPS", 60)
    assert answer("TLS_PORT", "/api/2.0/mlflow/experiments/search?max_results=1") == "401"
    assert answer("TLS_RAY_PORT", "/api/jobs/") == "401"
