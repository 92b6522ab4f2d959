"""Where trials run, and what each takes."""

import math
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sweep.errors import InputError
from sweep.utils.option_groups import option

if TYPE_CHECKING:
    from sweep.recipes.recipe import Recipe

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
    def pack_size(self) -> int | None:
        """The most trials that a worker trains together; None: as many as are measured to be fastest."""
        return 1

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

    def check(self, recipe: "Recipe") -> None:
        """Check that trials of a recipe can be trained like this.

        Raises
        ------
        InputError
            If they cannot.
        """
        recipe.check_shared(self.ranks)

    def __post_init__(self) -> None:
        if self.address.startswith("ray://"):
            raise InputError(
                f"`address` {self.address}: Ray Client is not supported. From a machine outside the cluster "
                "give `sweep submit` the same command; on one of its machines, take `address` auto."
            )
        if self.storage is not None:
            from sweep.checkpoints import locations

            locations.check(self.storage)
        for name, value in (("cpus", self.cpus_per_trial), ("gpus", self.gpus_per_trial or 0.0)):
            if not (0 < value < 1 or (math.isfinite(value) and value >= 0 and value % 1 == 0)):
                raise InputError(f"--{name}-per-trial takes a share of one, or a whole number, got {value:g}")
        if self.in_process and (self.gpus_per_trial or 0.0) > 1:
            raise InputError(
                f"`address` none trains in one process, which takes at most one GPU, got `gpus_per_trial` "
                f"{self.gpus_per_trial:g}. `address` local trains on several."
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class PackedResources(Resources):
    """Where trials run, what each takes, and how many train together."""

    pack: str = option(
        "1",
        "Most trials of a model that one worker trains together: each image is loaded once for all of them. "
        "auto: as many as are measured to be fastest.",
        metavar="auto|K",
        number=True,
        panel=_PANEL,
    )

    @property
    def pack_size(self) -> int | None:
        """The most trials that a worker trains together; None: as many as are measured to be fastest."""
        return None if self.pack == "auto" else int(self.pack)

    def check(self, recipe: "Recipe") -> None:
        """Check that trials of a recipe can be trained like this; raises as `Resources.check` does."""
        Resources.check(self, recipe)
        if recipe.trainer and self.pack_size != 1:
            raise InputError(
                f"`pack` {self.pack}: a user-defined training function loads its own data, and trains one "
                "trial at a time. Leave `pack` out."
            )

    def __post_init__(self) -> None:
        Resources.__post_init__(self)
        if not re.fullmatch("auto|[1-9][0-9]{0,5}", self.pack):
            raise InputError(f"`pack` takes auto, or a number from 1 to 999999, got {self.pack[:80]!r}")
        if self.pack_size != 1 and self.ranks > 1:
            raise InputError(
                f"`pack` trains several trials on one device, `gpus_per_trial` {self.ranks} trains one on "
                "several: give one of them"
            )
