"""What libraries write past Python goes to a file, what Python prints still to the terminal."""

import logging
import os
import subprocess
import sys

import pytest

from sweep.orchestrate.raw_output import raw_stderr_to, ray_logged

LINES = """
import os, sys
from pathlib import Path
from sweep.orchestrate.raw_output import raw_stderr_to
kept = sys.stderr
with raw_stderr_to(Path("log")):
    os.write(2, b"from C++\\n")
    print("from Python", file=sys.stderr)
    os.system("echo from a child >&2")
print("afterwards", file=sys.stderr)
os.write(2, b"from C++ afterwards\\n")
assert sys.stderr is kept
"""


def test_file_descriptor_2_goes_to_the_file_and_comes_back(tmp_path):
    (tmp_path / "log").write_text("before\n")
    command = [sys.executable, "-c", LINES]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines() == ["from Python", "afterwards", "from C++ afterwards"]
    assert (tmp_path / "log").read_text().splitlines() == ["before", "from C++", "from a child"]


def test_it_comes_back_after_an_error_too(tmp_path, capfd):
    with pytest.raises(KeyError), raw_stderr_to(tmp_path / "log"):
        raise KeyError
    os.write(2, b"here\n")
    assert capfd.readouterr().err == "here\n"


def test_what_rays_driver_prints_is_logged(capfd, caplog):
    """Its own function, as its thread calls it for each error of the cluster."""
    from ray._private import worker

    warnings = []
    lost = {"lines": ["Raylet is terminated. Why:\n 1"], "pid": "raylet", "is_err": False}
    with caplog.at_level("INFO", "sweep"), ray_logged(warnings.append):
        worker.print_to_stdstream(lost, ignore_prefix=False)
        worker.print_to_stdstream(lost, ignore_prefix=False)
        logging.getLogger("ray").error("a record")
    assert [record.getMessage() for record in caplog.records] == [*lost["lines"] * 2, "a record"]
    assert warnings == ["Raylet is terminated."]
    assert capfd.readouterr() == ("", "")
    worker.print_to_stdstream({"lines": ["as before"], "pid": "raylet", "is_err": False}, ignore_prefix=False)
    assert "as before" in capfd.readouterr().out
