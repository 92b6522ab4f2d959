"""Which instructions of a CPU torch may use: as far as possible the same everywhere, so that it rounds alike.

A sum over vectors of 16 numbers is rounded otherwise than one over vectors of 8, and after a few hundred
steps that is another error: with AVX-512 a trial on digits ended at 8.6 %, with AVX2 at 6.4 %, as far apart
as two seeds. A cluster has machines of several kinds, and a key should mean one result on them. AVX2 is what
all x86 machines of the last ten years have; where there is AVX-512, training takes 10 to 25 % longer.

Between makers this is not enough. MKL, which multiplies torch's matrices, takes MKL_CBWR=AVX2 on Intel's
processors only and chooses by itself on AMD's; the one setting that it takes on both, COMPATIBLE, made a
trial take 1.6 times as long. So a trial's record says which processor it was trained on, and a checkpoint is
of one kind of them.
"""

import os
import platform
from pathlib import Path

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
"""What torch's own kernels, oneDNN and MKL each read when they are first used."""

_CPUINFO = Path("/proc/cpuinfo")
_MAKERS = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}


def pin() -> None:
    """Let torch use AVX2 and nothing newer, unless the environment says something else.

    It must come before the first computation of a process. Machines without AVX2, such as ARM's, and such as
    do not say whether they have it (no Linux), are left alone: they have bits of their own.
    """
    if has_avx2():
        for name, value in AVX2.items():
            os.environ.setdefault(name, value)


def has_avx2() -> bool:
    """Say whether this is an x86 machine, with Linux, that has AVX2."""
    return platform.machine() == "x86_64" and "avx2" in _cpuinfo()


def cpu_name() -> str:
    """Name what decides how sums are rounded here: the processor's maker and torch's instructions."""
    import torch

    words = _cpuinfo()
    maker = next((name for word, name in _MAKERS.items() if word in words), platform.machine())
    return f"cpu ({maker}, {torch.backends.cpu.get_cpu_capability()})"


def _cpuinfo() -> list[str]:
    return _CPUINFO.read_text().split() if _CPUINFO.exists() else []
