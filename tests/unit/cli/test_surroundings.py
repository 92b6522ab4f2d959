"""The command line in surroundings of which others have reported that programs fail in them."""

import os
import shutil
import subprocess
import sys
import sysconfig

import pytest

SWEEP = [sys.executable, "-m", "sweep"]


@pytest.fixture
def exported(tmp_path):
    rows = "".join(f"m,{0.1 + i},0.05,{20 + i}\n" for i in range(8))
    (tmp_path / "t.csv").write_text("model,lr,wd,err\n" + rows)
    return tmp_path


def run(folder, *words, **variables):
    return subprocess.run(
        [*SWEEP, *words], cwd=folder, env=os.environ | variables, capture_output=True, text=True, check=False
    )


def test_a_terminal_that_knows_no_unicode_is_written_to(exported):
    """`LANG=C` in a container, or a pipe of an old scheduler."""
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ran = run(exported, "cdf", "--from", "t.csv", "--out", "f.svg", "--absolute", **ascii_only)
    assert (ran.returncode, "lr             ? lr (by its name)" in ran.stderr) == (0, True), ran.stderr


TOY = "def train(config):\n    for epoch in range(config.epochs):\n        yield 50.0 / (1 + epoch)\n"
TRAINED = (
    "run",
    "--trainer",
    "toy:train",
    "--epochs",
    "2",
    "--n",
    "1",
    "--seeds",
    "1",
    "--lr",
    "1",
    "--wd",
    "1",
)
STRANGER = "setpriv --reuid 54321 --regid 54321 --clear-groups --inh-caps -all,+dac_read_search"


def as_a_stranger(folder, *words, **variables):
    """Run a command as a user whose number has no name, who may read whatever this one may."""
    folder.chmod(0o777)
    (folder / "toy.py").write_text(TOY)
    become = [*STRANGER.split(), "--ambient-caps", "-all,+dac_read_search"]
    kept = {k: v for k, v in os.environ.items() if k not in ("HOME", "USER", "LOGNAME", "SWEEP_CACHE_DIR")}
    return subprocess.run(
        [*become, *SWEEP, *words],
        cwd=folder,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")
def test_a_user_without_a_name_or_a_home_is_told(tmp_path):
    """As `docker run --user 54321` with an image that knows no such user."""
    ran = as_a_stranger(tmp_path, *TRAINED, "--address", "none")
    assert (ran.returncode, "the user 54321 has no home" in ran.stderr) == (2, True), ran.stderr


@pytest.mark.system
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("setpriv"), reason="becomes another user")
def test_a_user_whose_home_cannot_be_written_to_trains(tmp_path):
    """As `docker run --user 54321`, whose home is ``/``: Ray writes a token there."""
    if subprocess.run([*STRANGER.split()[:-2], "test", "-x", sysconfig.get_path("purelib")]).returncode:
        pytest.skip("MLflow asks whether it may read its own files, and another user may not: root's folder")
    ran = as_a_stranger(tmp_path, *TRAINED, "--address", "local", HOME="/")
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False), ran.stdout + ran.stderr


def test_who_reads_the_output_may_go(exported):
    """As in `sweep models | head -1`."""
    with subprocess.Popen(
        [*SWEEP, "models"], cwd=exported, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
