"""Ray heads as their administrators start them, each in a folder of its own, with a token or without."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from chaos_servers import free_port, kill_tree

PROGRAM = Path(sys.executable).with_name("ray")
ASKS = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "7a" * 32}
"""The environment of a cluster with a token, and of who joins it."""
ASKS_NOT = {"RAY_AUTH_MODE": "disabled"}


class Head:
    """A Ray head that runs trials, too; ``dashboard`` also serves the Jobs API."""

    def __init__(
        self,
        variables: Mapping[str, str],
        *,
        dashboard: bool = False,
        home: Path | None = None,
        cpus: int = 1,
    ) -> None:
        self._temporary = Path(tempfile.mkdtemp(prefix="head-"))  # a socket's path must be short
        self.port, self.jobs_port, self._dashboard = free_port(), free_port(), dashboard
        self._cpus = cpus
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "SWEEP", "RAY"))}
        settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_raylet_start_wait_time_s": "120"}
        self._environment = clean | settings | {"HOME": str(home or self._temporary)} | dict(variables)
        self._started = 0
        self.start()

    @property
    def address(self) -> str:
        """HOST:PORT of its cluster."""
        return f"127.0.0.1:{self.port}"

    @property
    def jobs(self) -> str:
        """The address of its Jobs API."""
        return f"http://127.0.0.1:{self.jobs_port}"

    def start(self) -> None:
        """Start it, again after it was killed."""
        self._started += 1
        log = self._temporary / f"log{self._started}"
        ports = {
            "port": self.port,
            "dashboard-port": self.jobs_port,
            "dashboard-agent-listen-port": free_port(),
            "ray-client-server-port": free_port(),
        }
        words = [f"--{name}={port}" for name, port in ports.items()]
        words += [f"--num-cpus={self._cpus}", f"--include-dashboard={self._dashboard}", "--block"]
        words += [f"--temp-dir={self._temporary}/ray"]
        with log.open("w") as out:
            self._process = subprocess.Popen(
                [PROGRAM, "start", "--head", *words],
                env=self._environment,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        for _ in range(1200):
            if "Ray runtime started" in log.read_text():
                return
            assert self._process.poll() is None, log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"no Ray head: {log.read_text()}")

    def kill(self) -> None:
        """Kill the head, its workers and its jobs, all at once."""
        kill_tree(self._process.pid)
        self._process.wait()

    def stop(self) -> None:
        """Stop it, and remove what it has written."""
        self.kill()
        shutil.rmtree(self._temporary, ignore_errors=True)
