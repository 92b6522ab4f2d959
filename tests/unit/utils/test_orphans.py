"""A worker ends soon after its raylet."""

import subprocess
import sys
import time

import psutil

CHILD = "from sweep.utils.orphans import end_with_parent; end_with_parent(); print('ready', flush=True); {}"
PARENT = """
import os, sys
from subprocess import DEVNULL, PIPE, Popen
child = Popen([sys.executable, "-c", sys.argv[1]], stdout=PIPE, stderr=DEVNULL)
child.stdout.readline()
print(child.pid, flush=True)
os._exit(0)
"""


def test_a_process_whose_parent_was_killed_ends():
    waits = CHILD.format("import threading; threading.Event().wait(60)")
    ran = subprocess.run([sys.executable, "-c", PARENT, waits], capture_output=True, text=True, check=True)
    orphan = psutil.Process(int(ran.stdout))
    psutil.wait_procs([orphan], timeout=20)
    assert not orphan.is_running()


def test_with_its_parent_it_stays():
    waits = CHILD.format("import time; time.sleep(4); print('done')")
    started = time.monotonic()
    ran = subprocess.run([sys.executable, "-c", waits], capture_output=True, text=True, check=True)
    assert ran.stdout == "ready\ndone\n"
    assert time.monotonic() - started > 4
