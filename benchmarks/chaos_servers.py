"""What a sweep stands on: MLflow servers, PostgreSQL, small disks, clusters, each started for it alone."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from chaos_site import wait_until

POSTGRES_USER = "postgres"
FAST_HEALTH_CHECKS = {
    "RAY_health_check_initial_delay_ms": "1000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_timeout_ms": "1000",
    "RAY_health_check_failure_threshold": "3",
}
"""A cut link is noticed after 6 s instead of 64."""
WITH_TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
"""Clusters ask for this token; the environment hands it to whoever is to join them."""


def postgres_programs() -> Path | None:
    """Return the folder of PostgreSQL's programs; Debian does not put them on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    return found[-1].parent if found else None


def lacks(needs: Sequence[str]) -> str | None:
    """Name what a fault needs and this machine lacks; None if it has all."""
    has = {
        "root": os.geteuid() == 0 and _may_mount(),
        "postgres": postgres_programs() is not None and shutil.which("setpriv") is not None,
        "ip": shutil.which("ip") is not None,
    }
    missing = [name for name in needs if not has[name]]
    return f"no {', '.join(missing)}" if missing else None


def _may_mount() -> bool:
    """Say whether this machine gives root its rights, as a container may not."""
    words = ["unshare", "--mount", "--net", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(words, stderr=subprocess.DEVNULL).returncode == 0


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens at."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def kill_tree(root: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(root)
        for each in (process, *process.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                each.send_signal(number)


class Postgres:
    """PostgreSQL in a folder of its own, as the user that it asks for, on a free port."""

    def __init__(self, folder: Path) -> None:
        programs = postgres_programs()
        assert programs is not None
        self._programs, self._folder, self._port = programs, folder, free_port()
        folder.mkdir()
        shutil.chown(folder, POSTGRES_USER)
        self._run("initdb", "--auth=trust", "--username=sweep", "--no-sync")
        self.start()
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self._port), "-U", "sweep", "mlflow", data=False)

    @property
    def uri(self) -> str:
        """Where MLflow finds it."""
        return f"postgresql+psycopg2://sweep@127.0.0.1:{self._port}/mlflow"

    def start(self) -> None:
        """Start it, again after it was stopped at once."""
        listen = f"-p {self._port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self._folder}"
        self._run("pg_ctl", "start", "--wait", "-o", listen, "-l", str(self._folder / "log"))

    def stop_at_once(self) -> None:
        """Stop it as a crash would: what was not committed is lost."""
        self._run("pg_ctl", "stop", "--mode=immediate")

    def _run(self, program: str, *words: str, data: bool = True) -> None:
        as_user = ["setpriv", f"--reuid={POSTGRES_USER}", f"--regid={POSTGRES_USER}", "--init-groups"]
        where = ["-D", str(self._folder / "data")] if data else []
        subprocess.run(
            [*as_user, str(self._programs / program), *where, *words],
            cwd=self._folder,
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )


class MlflowServer:
    """`mlflow server` with its artifacts, without its job runners.

    Parameters
    ----------
    folder : Path
        Holds its log and, unless told otherwise, its database and artifacts.
    backend : str, optional
        The database.
    artifacts : str, optional
        Where artifacts lie, such as ``s3://BUCKET``.
    words : sequence of str
        More of its options.
    **variables : str
        More of its environment.
    """

    def __init__(
        self,
        folder: Path,
        backend: str | None = None,
        artifacts: str | None = None,
        *,
        words: Sequence[str] = (),
        **variables: str,
    ) -> None:
        self._folder, self._backend = folder, backend or f"sqlite:///{folder}/server.db"
        self._artifacts = artifacts or str(folder / "artifacts")
        self._words, self._variables = words, variables
        self._port = free_port()
        self._process: subprocess.Popen | None = None
        self.start()

    @property
    def uri(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        words = [
            sys.executable,
            "-m",
            "mlflow",
            "server",
            "--host",
            "127.0.0.1",
            "--port",
            str(self._port),
            "--workers",
            "1",
            "--backend-store-uri",
            self._backend,
            "--artifacts-destination",
            self._artifacts,
            *self._words,
        ]
        environment = os.environ | {
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            **self._variables,
        }
        with (self._folder / "server.log").open("a") as log:
            self._process = subprocess.Popen(
                words, cwd=self._folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        if not wait_until(self._answers, 90, 0.2):
            self.kill()
            raise RuntimeError("no MLflow server: " + (self._folder / "server.log").read_text()[-2000:])

    def _answers(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.uri}/health", timeout=1).close()
        except OSError:
            return False
        return True

    def kill(self) -> None:
        """Kill the server and its workers."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


class SmallDisk:
    """A file system of a few megabytes, which can be filled to the last byte."""

    def __init__(self, folder: Path, size: str = "8m") -> None:
        self.folder = folder
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)

    def fill(self) -> None:
        """Leave no room."""
        with suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as ballast:
            while ballast.write(bytes(4096)):
                pass

    def free(self) -> None:
        """Make room again."""
        (self.folder / "ballast").unlink(missing_ok=True)

    def unmount(self) -> None:
        """Take it away."""
        subprocess.run(["umount", "--lazy", self.folder], check=True)


class TwoNodes:
    """A Ray cluster of a head and another node, one CPU each, on this machine."""

    def __init__(self) -> None:
        os.environ.update(FAST_HEALTH_CHECKS | WITH_TOKEN)
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
        self._node = self._cluster.add_node(num_cpus=1)

    @property
    def address(self) -> str:
        """Its address."""
        return str(self._cluster.address)

    def kill_raylet(self) -> None:
        """Kill the other node's raylet; its workers have to see that for themselves."""
        self._node.kill_raylet(check_alive=False)

    def kill_node(self) -> None:
        """Kill the other node: raylet, workers, all at once."""
        for process in self._node.all_processes["raylet"]:
            kill_tree(process.process.pid)
        self._cluster.remove_node(self._node, allow_graceful=False)

    def add_node(self) -> None:
        """Put another node in its place."""
        self._node = self._cluster.add_node(num_cpus=1)

    def stop(self) -> None:
        """Stop all of it."""
        self._cluster.shutdown()


class TwoMachines:
    """A Ray cluster of two network namespaces with one link, which can be cut. Only `start` starts it."""

    address = "10.213.0.1:6379"

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        name = f"swp{os.getpid() % 100000}"
        self._folder, self._head, self._other = folder, f"{name}h", f"{name}w"
        os.environ.update(WITH_TOKEN)
        self._environment = {**environment, **FAST_HEALTH_CHECKS, **WITH_TOKEN}
        self._nodes: list[subprocess.Popen] = []
        self.prefix = ("ip", "netns", "exec", self._head)

    def start(self) -> None:
        """Make the namespaces and start a node in each."""
        ip("link", "add", self._head, "type", "veth", "peer", "name", self._other)
        for name, address in ((self._head, "10.213.0.1"), (self._other, "10.213.0.2")):
            ip("netns", "add", name)
            ip("link", "set", name, "netns", name)
            ip("-n", name, "addr", "add", f"{address}/24", "dev", name)
            ip("-n", name, "link", "set", name, "up")
            ip("-n", name, "link", "set", "lo", "up")
            ip("-n", name, "route", "add", "default", "dev", name)  # Ray asks which address leads outside
        head = ("--head", "--port=6379", "--include-dashboard=false", "--node-ip-address=10.213.0.1")
        self._ray(self._head, *head)
        self._ray(self._other, f"--address={self.address}", "--node-ip-address=10.213.0.2")

    def _ray(self, namespace: str, *words: str) -> None:
        ray = str(Path(sys.executable).with_name("ray"))
        log = self._folder / f"{namespace}.log"
        with log.open("w") as out:
            self._nodes.append(
                subprocess.Popen(
                    ["ip", "netns", "exec", namespace, ray, "start", "--block", "--num-cpus=1", *words],
                    env=self._environment,
                    stdout=out,
                    stderr=out,
                    start_new_session=True,
                )
            )
        if not wait_until(lambda: "Ray runtime started" in log.read_text(), 90):
            raise RuntimeError(f"no Ray node in {namespace}: {log.read_text()[-2000:]}")

    def cut(self) -> None:
        """Cut the link: for the head nothing is refused, its packets just vanish."""
        ip("-n", self._other, "link", "set", self._other, "down")

    def join(self) -> None:
        """Mend the link."""
        ip("-n", self._other, "link", "set", self._other, "up")

    def stop(self) -> None:
        """Stop the nodes and remove the namespaces, and what would lead other Ray programs here."""
        for node in reversed(self._nodes):
            kill_tree(node.pid)
            node.wait()
        for name in (self._head, self._other):
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", name)
        default = Path("/tmp/ray/ray_current_cluster")  # where a plain `ray.init()` looks for a cluster
        if default.exists() and default.read_text() == self.address:
            default.unlink(missing_ok=True)


def ip(*words: str) -> None:
    """Give a command of iproute2."""
    subprocess.run(["ip", *words], check=True)


@contextmanager
def closing(thing: Any, *methods: str) -> Iterator[Any]:
    """Use something and call these methods in the end, whatever they raise."""
    try:
        yield thing
    finally:
        for method in methods:
            with suppress(Exception):
                getattr(thing, method)()
