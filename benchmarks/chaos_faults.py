"""What is done to a sweep: each fault has a stage on which it can happen, a blow, and what mends it."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from chaos_servers import MlflowServer, Postgres, SmallDisk, TwoMachines, TwoNodes, closing
from chaos_site import Site, wait_until


class NothingToStrikeError(Exception):
    """A blow found nothing: a round that shows nothing."""


@dataclass
class Stage:
    """A sweep and what it stands on."""

    site: Site
    on: dict[str, Any] = field(default_factory=dict)
    """The servers, disks and nodes that a fault may strike, by name."""


@contextmanager
def alone(folder: Path) -> Iterator[Stage]:
    """Ray on this machine, MLflow in a file."""
    yield Stage(Site(folder))


@contextmanager
def with_server(folder: Path) -> Iterator[Stage]:
    """MLflow behind its server."""
    folder.mkdir(parents=True)
    with closing(MlflowServer(folder), "kill") as server:
        yield Stage(Site(folder, uri=server.uri), {"server": server})


@contextmanager
def with_postgres(folder: Path) -> Iterator[Stage]:
    """MLflow behind its server, PostgreSQL behind that."""
    folder.mkdir(parents=True)
    folder.chmod(0o755)  # PostgreSQL runs as a user of its own
    with (
        closing(Postgres(folder / "postgres"), "stop_at_once") as postgres,
        closing(MlflowServer(folder, postgres.uri), "kill") as server,
    ):
        yield Stage(Site(folder, uri=server.uri), {"postgres": postgres, "server": server})


@contextmanager
def with_small_sweeps(folder: Path) -> Iterator[Stage]:
    """Plans and journals on a small disk."""
    folder.mkdir(parents=True)
    with closing(SmallDisk(folder / "sweeps"), "unmount") as disk:
        yield Stage(Site(folder), {"disk": disk})


@contextmanager
def with_small_mlflow(folder: Path) -> Iterator[Stage]:
    """MLflow's database on a small disk."""
    folder.mkdir(parents=True)
    with closing(SmallDisk(folder / "books"), "unmount") as disk:
        yield Stage(Site(folder, uri=f"sqlite:///{disk.folder}/mlflow.db"), {"disk": disk})


@contextmanager
def with_two_nodes(folder: Path) -> Iterator[Stage]:
    """A Ray cluster of two nodes."""
    with closing(TwoNodes(), "stop") as nodes:
        yield Stage(Site(folder, address=nodes.address), {"nodes": nodes})


@contextmanager
def with_two_machines(folder: Path) -> Iterator[Stage]:
    """A Ray cluster of two network namespaces."""
    folder.mkdir(parents=True)
    with closing(TwoMachines(folder, os.environ), "stop") as machines:
        machines.start()
        site = Site(folder, address=machines.address, prefix=machines.prefix)
        yield Stage(site, {"machines": machines})


Blow = Callable[[Stage, subprocess.Popen, np.random.Generator], None]


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong while a sweep runs."""

    strike: Blow
    stage: Callable[[Path], AbstractContextManager[Stage]] = alone
    mend: Callable[[Stage], None] = lambda stage: None
    """What is done before the command is given again; a sweep need not survive its disk for good."""
    needs: tuple[str, ...] = ()


def kill_driver(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    driver.kill()


def kill_one(name: str) -> Blow:
    """Return the blow that kills one process of that name, as soon as there is any."""

    def strike(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
        wait_until(lambda: stage.site.processes(name) or driver.poll() is not None, 60)
        found = stage.site.processes(name)
        if not found:
            raise NothingToStrikeError(f"no process {name}")
        with suppress(psutil.NoSuchProcess):
            found[rng.integers(len(found))].kill()

    return strike


def interrupt(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    """Press Ctrl-C: the terminal sends it to the whole process group."""
    with suppress(ProcessLookupError):
        os.killpg(driver.pid, signal.SIGINT)


def interrupt_twice(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    interrupt(stage, driver, rng)
    time.sleep(rng.uniform(0.02, 1.5))
    interrupt(stage, driver, rng)


def restart_server(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["server"].kill()
    time.sleep(rng.uniform(0, 3))
    stage.on["server"].start()


def kill_server(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["server"].kill()


def restart_postgres(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["postgres"].stop_at_once()
    time.sleep(rng.uniform(0, 5))
    stage.on["postgres"].start()


def stop_postgres(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["postgres"].stop_at_once()


def fill_disk(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["disk"].fill()


def kill_raylet_of_node(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["nodes"].kill_raylet()


def kill_node(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["nodes"].kill_node()


def replace_node(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["nodes"].kill_node()
    time.sleep(rng.uniform(0, 3))
    stage.on["nodes"].add_node()


def cut_link(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["machines"].cut()


def cut_link_for_a_while(stage: Stage, driver: subprocess.Popen, rng: np.random.Generator) -> None:
    stage.on["machines"].cut()
    time.sleep(rng.uniform(0.5, 12))
    stage.on["machines"].join()


FAULTS = {
    "driver killed": Fault(kill_driver),
    "worker killed": Fault(kill_one("ray::")),
    "raylet killed": Fault(kill_one("/raylet/raylet --")),
    "GCS killed": Fault(kill_one("gcs_server")),
    "Ctrl-C": Fault(interrupt),
    "Ctrl-C twice": Fault(interrupt_twice),
    "MLflow restarted": Fault(restart_server, with_server),
    "MLflow gone": Fault(kill_server, with_server, lambda stage: stage.on["server"].start()),
    "PostgreSQL restarted": Fault(restart_postgres, with_postgres, needs=("root", "postgres")),
    "PostgreSQL gone": Fault(
        stop_postgres, with_postgres, lambda stage: stage.on["postgres"].start(), ("root", "postgres")
    ),
    "disk of the journal full": Fault(
        fill_disk, with_small_sweeps, lambda stage: stage.on["disk"].free(), ("root",)
    ),
    "disk of MLflow full": Fault(
        fill_disk, with_small_mlflow, lambda stage: stage.on["disk"].free(), ("root",)
    ),
    "driver killed in a cluster": Fault(kill_driver, with_two_nodes),
    "raylet of a node killed": Fault(kill_raylet_of_node, with_two_nodes),
    "node killed": Fault(kill_node, with_two_nodes),
    "node replaced": Fault(replace_node, with_two_nodes),
    "link cut": Fault(cut_link, with_two_machines, lambda stage: stage.on["machines"].join(), ("root", "ip")),
    "link cut for a while": Fault(cut_link_for_a_while, with_two_machines, needs=("root", "ip")),
}
