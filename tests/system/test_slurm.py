"""A sweep in a SLURM allocation: a real slurmctld and slurmd on one node, and a requeue in the middle."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.runs import environment, events, sweep, table

pytestmark = pytest.mark.system

SCRIPT = Path(__file__).parents[2] / "docker/slurm.sbatch"
WORDS = tuple("run --model vit_p_1mf --recipe tiny.toml --lr .005 --wd .05 --n 8 --seeds 1".split())  # noqa: SIM905
TRIALS = 9
WAIT_S = 300
CONFIGURATION = """
ClusterName=sweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
JobRequeue=1
KillWait=30
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP MaxTime=INFINITE
"""


@pytest.fixture
def slurm(tmp_path):
    """Run a controller, a node and munge; return the environment of what speaks to them."""
    for program, package in (("slurmctld", "slurm-wlm"), ("slurmd", "slurm-wlm"), ("munged", "munge")):
        if not shutil.which(program):
            pytest.skip(f"no {program} (Debian package {package})")
    if os.getuid():
        pytest.skip("slurmd needs root")
    folder = Path("/tmp") / f"slurm-{os.getpid()}"  # a socket's path is short
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    text = CONFIGURATION.format(host=socket.gethostname(), folder=folder, ports=_ports(), cpus=os.cpu_count())
    (folder / "slurm.conf").write_text(text)
    with (folder / "key").open("wb") as key:
        key.write(os.urandom(128))
    (folder / "key").chmod(0o600)
    env = environment(
        SLURM_CONF=f"{folder}/slurm.conf", PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    )
    words = [f"--{what}={folder}/munge.{what}" for what in ("socket", "log-file", "pid-file", "seed-file")]
    munge = ["munged", "--foreground", "--force", f"--key-file={folder}/key", *words]
    daemons = [_start(munge, env), *(_start([name, "-D"], env) for name in ("slurmctld", "slurmd"))]
    yield env
    for daemon in reversed(daemons):
        daemon.terminate()
        daemon.wait(30)
    shutil.rmtree(folder)


def _start(words: list[str], env: dict[str, str]) -> subprocess.Popen[bytes]:
    daemon = subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(2)
    return daemon


def _ports() -> list[int]:
    with socket.socket() as first, socket.socket() as second:
        for free in (first, second):
            free.bind(("127.0.0.1", 0))
        return [first.getsockname()[1], second.getsockname()[1]]


def call(env: dict[str, str], folder: Path, *words: str) -> str:
    ran = subprocess.run(words, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
    return ran.stdout


def wait_for(condition: Callable[[], bool], folder: Path) -> None:
    until = time.monotonic() + WAIT_S
    while not condition():
        said = "".join(path.read_text() for path in folder.glob("slurm-*.out"))
        assert time.monotonic() < until, said[-3000:]
        time.sleep(0.5)


def test_a_job_that_is_stopped_in_the_middle_is_queued_again_and_trains_nothing_twice(slurm, tmp_path):
    alone, swept = tmp_path / "alone", tmp_path / "swept"
    for folder in (alone, swept):
        folder.mkdir()
    assert sweep(alone, *WORDS, "--address", "none").returncode == 0
    (swept / "tiny.toml").write_text((alone / "tiny.toml").read_text())

    def state() -> str:
        return call(slurm, swept, "scontrol", "show", "job", job)

    job = call(slurm, swept, "sbatch", "--parsable", "--cpus-per-task=2", str(SCRIPT), *WORDS).strip()
    wait_for(lambda: events(swept, "end") >= 2, swept)
    call(slurm, swept, "scancel", "--batch", "--signal=USR1", job)  # as before a pre-emption
    wait_for(lambda: "Restarts=1" in state() and "JobState=PENDING" in state(), swept)
    assert events(swept, "end") < TRIALS
    time.sleep(5)  # SLURM waits two minutes; in the very second of the requeue it would refuse the job
    call(slurm, swept, "scontrol", "update", f"JobId={job}", "StartTime=now")
    wait_for(lambda: "JobState=COMPLETED" in state() or "JobState=FAILED" in state(), swept)
    assert "JobState=COMPLETED" in state()
    assert table(swept).equals(table(alone))
    assert events(swept, "end") == TRIALS
    assert not list(swept.glob(".ray-token-*"))
