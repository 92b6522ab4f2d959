"""Where trials run, and what each takes."""

import math
import os
from dataclasses import dataclass

from sweep.checkpoints import locations
from sweep.errors import InputError
from sweep.utils.options import option

CPU_RANKS_VARIABLE = "SWEEP_CPU_RANKS"
"""Environment variable of the driver: processes that train a trial together on CPUs, for tests."""
_PANEL = "Where trials run"


@dataclass(frozen=True, kw_only=True, slots=True)
class Resources:
    """Where trials run, and what each takes."""

    address: str = option(
        "local",
        "Where trials run: local (Ray on this machine), none (in this process, without Ray), "
        "auto (the Ray cluster this machine is part of), or its HOST:PORT.",
        panel=_PANEL,
    )
    cpus_per_trial: float = option(1.0, "CPUs reserved for a trial.", least=0.01, panel=_PANEL)
    gpus_per_trial: float | None = option(
        None,
        "GPUs of a trial: a share of one, or several, which train it together. Default: 1 if any.",
        least=0,
        panel=_PANEL,
    )
    storage: str | None = option(
        None,
        "For checkpoints: a folder that all machines of a cluster see, or s3://BUCKET/FOLDER.",
        variable="SWEEP_STORAGE",
        panel=_PANEL,
    )
    """None: the sweep's own folder, if all trials run on this machine."""

    @property
    def in_process(self) -> bool:
        """Whether trials run one after the other in this process, without Ray."""
        return self.address == "none"

    @property
    def on_this_machine(self) -> bool:
        """Whether all trials run on this machine, so that they see its disk."""
        return self.address in ("local", "none")

    @property
    def ranks(self) -> int:
        """Processes that train a trial together: one a GPU, or as many on CPUs as a test asks for."""
        if self.in_process:
            return 1
        return max(1, int(self.gpus_per_trial or os.environ.get(CPU_RANKS_VARIABLE, "1")))

    @property
    def loader_workers(self) -> int:
        """Processes that load images for each training process; 0 if it has no core to spare."""
        cpus = self.cpus_per_trial / self.ranks
        return int(cpus) if cpus >= 2 else 0

    def __post_init__(self) -> None:
        if self.address.startswith("ray://"):
            raise InputError(
                f"`address` {self.address}: Ray Client is not supported. From a machine outside the cluster "
                "give `sweep submit` the same command; on one of its machines, take `address` auto."
            )
        if self.storage is not None:
            locations.check(self.storage)
        for name, value in (("cpus", self.cpus_per_trial), ("gpus", self.gpus_per_trial or 0.0)):
            if not (0 < value < 1 or (math.isfinite(value) and value >= 0 and value % 1 == 0)):
                raise InputError(f"--{name}-per-trial takes a share of one, or a whole number, got {value:g}")
        if self.in_process and (self.gpus_per_trial or 0.0) > 1:
            raise InputError(
                f"`address` none trains in one process, which takes at most one GPU, got `gpus_per_trial` "
                f"{self.gpus_per_trial:g}. `address` local trains on several."
            )
