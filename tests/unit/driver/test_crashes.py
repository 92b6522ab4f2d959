"""What is printed of a process that ends suddenly: real processes, real signals."""

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys
from sweep.driver.crashes import last_words
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's jobs in the background ignore it
try:
    with last_words("see the log"):
        {what}
except KeyboardInterrupt:
    print("interrupted")
print("at its end")
"""
ENDS = {
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL),
    "terminated": ("os.kill(os.getpid(), signal.SIGTERM)", -signal.SIGTERM),
    "aborted": ("os.abort()", -signal.SIGABRT),
    "ended by a library": ("os._exit(1)", 1),
}


def ran(what: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", PROGRAM.format(what=what)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, start_new_session=True)


@pytest.mark.parametrize(("what", "code"), ENDS.values(), ids=ENDS)
def test_a_sudden_end_is_told(what, code):
    end = ran(what)
    assert (end.returncode, end.stdout, end.stderr) == (code, "", "see the log\n")


def test_ctrl_c_reaches_all_processes_of_a_terminal_and_is_no_sudden_end():
    end = ran("os.killpg(0, signal.SIGINT)")
    assert (end.returncode, end.stdout, end.stderr) == (0, "interrupted\nat its end\n", "")


@pytest.mark.parametrize("what", ["pass", "os.system('sleep 0.1')"])
def test_nothing_is_told_otherwise(what):
    end = ran(what)
    assert (end.returncode, end.stdout, end.stderr) == (0, "at its end\n", "")


def test_a_process_that_was_started_meanwhile_and_goes_on_does_not_hide_it():
    end = ran("import subprocess; subprocess.Popen(['sleep', '1'], stderr=-3, stdout=-3); os._exit(1)")
    assert end.stderr == "see the log\n"


def test_without_a_shell_there_are_no_last_words(monkeypatch):
    from sweep.driver.crashes import last_words

    monkeypatch.setenv("PATH", os.devnull)
    with last_words("see the log"):
        pass


def test_a_crash_leaves_pythons_traceback_in_the_log(tmp_path):
    program = """
import os, pathlib
from sweep.driver.crashes import crashes_traced
def innermost():
    os.abort()
with crashes_traced(pathlib.Path("driver.log")):
    innermost()
"""
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=False, timeout=30)
    log = (tmp_path / "driver.log").read_text()
    assert "Fatal Python error: Aborted" in log
    assert "line 5 in innermost" in log
