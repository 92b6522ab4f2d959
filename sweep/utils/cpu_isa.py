"""Which CPU instructions torch may use: the same on every machine where possible, so that rounding agrees.

A sum over vectors of 16 numbers rounds differently from one over vectors of 8. After a few hundred steps the
trial's error differs, too: a trial on digits ended at 8.6 % with AVX-512 and at 6.4 % with AVX2, as far apart
as two seeds. A cluster mixes machines, and a trial key should stand for one result on all of them. Every x86
machine of the last ten years has AVX2. On a machine with AVX-512, training with AVX2 takes 10 to 25 % longer.

Processors of different makers still disagree. MKL, which multiplies torch's matrices, obeys MKL_CBWR=AVX2 on
Intel processors only, and chooses by itself on AMD's. The one setting that it obeys on both, COMPATIBLE, made
a trial take 1.6 times as long. A trial's record therefore names the processor that trained it, and a
checkpoint is used only on the kind of processor that wrote it.
"""

import os
import platform
from pathlib import Path

AVX2 = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "MKL_CBWR": "AVX2"}
"""The environment variables that torch's own kernels, oneDNN and MKL read when they are first used."""

_CPUINFO = Path("/proc/cpuinfo")
_MAKERS = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}


def pin() -> None:
    """Restrict torch to AVX2, unless the environment sets these variables already.

    Call it before the first computation of a process. Nothing changes on machines without AVX2, such as ARM,
    or where AVX2 cannot be detected (other systems than Linux): their results differ in the last bits.
    """
    if has_avx2():
        for name, value in AVX2.items():
            os.environ.setdefault(name, value)


def has_avx2() -> bool:
    """Return whether this is an x86 machine under Linux with AVX2."""
    return platform.machine() == "x86_64" and "avx2" in _cpuinfo()


def cpu_name() -> str:
    """Return what decides rounding on this machine: the processor's maker and torch's instruction set."""
    import torch

    words = _cpuinfo()
    maker = next((name for word, name in _MAKERS.items() if word in words), platform.machine())
    return f"cpu ({maker}, {torch.backends.cpu.get_cpu_capability()})"


def _cpuinfo() -> list[str]:
    return _CPUINFO.read_text().split() if _CPUINFO.exists() else []
