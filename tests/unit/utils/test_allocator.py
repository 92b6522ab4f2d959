"""A training process keeps the memory that it frees."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, sys
from sweep.utils.allocator import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def work():
    for _ in range(20):
        blocks = [bytearray(300_000) for _ in range(50)]
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
work(), work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    ran = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    return int(ran.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's settings")
def test_pages_are_asked_for_once_and_not_again_for_each_block():
    assert faults("keep") * 5 < faults("leave")
