"""Which instructions of a CPU torch may use: the same on every machine, so that it rounds the same there.

A sum over vectors of 16 numbers is rounded otherwise than one over vectors of 8, and after a few hundred
steps that is another error: with AVX-512 a trial on digits ended at 8.6 %, with AVX2 at 6.4 %, as far apart
as two seeds. A cluster has machines of several kinds, and a key must mean one result on all of them. AVX2 is
what all x86 machines of the last ten years have; where there is AVX-512, training takes 10 to 25 % longer.
"""

import os
import platform
from pathlib import Path

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
"""What torch's own kernels, oneDNN and MKL each read when they are first used."""


def pin() -> None:
    """Let torch use AVX2 and nothing newer, unless the environment says something else.

    It must come before the first computation of a process. Machines without AVX2, such as ARM's, are left
    alone: they have bits of their own.
    """
    if has_avx2():
        for name, value in AVX2.items():
            os.environ.setdefault(name, value)


def has_avx2() -> bool:
    """Say whether this is an x86 machine, with Linux, that has AVX2."""
    cpuinfo = Path("/proc/cpuinfo")
    if platform.machine() not in ("x86_64", "AMD64") or not cpuinfo.exists():
        return False
    return "avx2" in cpuinfo.read_text().split()
