"""The command line in surroundings of which others have reported that programs fail in them."""

import os
import subprocess
import sys

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


def test_who_reads_the_output_may_go(exported):
    """As in `sweep models | head -1`."""
    with subprocess.Popen(
        [*SWEEP, "models"], cwd=exported, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
