"""Trains one trial after the other in one process, and reports: what a worker does, without Ray."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sweep.checkpoints.base import CheckpointLocation
from sweep.core.jobs import Job, TrialContext
from sweep.core.trial import EpochRecord, TrialRecord, TrialState
from sweep.models.catalog import test_resize
from sweep.orchestrate.reports import WorkerReport
from sweep.recipes.recipe import Recipe
from sweep.utils.cpu_isa import cpu_name

if TYPE_CHECKING:
    from sweep.training.ranks import Ranks


REPORT_EVERY_S = 1.0
"""Epochs that are shorter than this are reported together."""

EVERY_S_VARIABLE = "SWEEP_CHECKPOINT_EVERY_S"
"""Environment variable of the workers: seconds between two checkpoints, for tests."""


class Trains(Protocol):
    """Whoever trains a job: one process, or several together."""

    def turn_to(self, job: Job) -> None:
        """Take note of what is trained from now on."""

    def report(self) -> WorkerReport:
        """Train on, for some epochs; return what came of them."""


class TrialRunner:
    """Trains in this process, alone or as one of the processes that train a trial together.

    Parameters
    ----------
    settings : sequence of Setting
        Those that jobs refer to.
    fetch : callable
        Gets a setting's data.
    on_gpu : bool
        Whether this process has one.
    ranks : Ranks, optional
        The processes that train together.
    """

    def __init__(
        self,
        settings: Sequence[TrialContext],
        fetch: Callable[[Any], Any],
        *,
        on_gpu: bool,
        ranks: "Ranks | None" = None,
    ) -> None:
        import torch

        from sweep.training.ranks import Ranks

        torch.set_num_threads(1)  # more would take sums in another order: the same trial, other last bits
        self._device = device(on_gpu)
        self._settings, self._fetch, self._ranks = settings, fetch, ranks or Ranks()
        self._batches: dict[tuple[Recipe, int, int, str], Any] = {}
        self._notes: list[str] = []
        self._told = False

    def turn_to(self, job: Job) -> None:
        """Take note of another job; nothing is done yet that could fail."""
        self._job = job
        self._epochs: Iterator[list[EpochRecord | None]] | None = None
        self._last_epoch, self._best = 0, 100.0
        self._notes = []

    def report(self) -> WorkerReport:
        """Train for an epoch, or for some short ones; report them, and the trial's record with the last.

        A report takes the driver and back: milliseconds in which the worker idles. Processes that train
        together report each epoch, for their clocks differ.
        """
        begins = self._epochs is None
        self._epochs = self._epochs or self._begin()
        epochs: list[EpochRecord] = []
        started = time.monotonic()
        while True:
            (epoch,) = next(self._epochs)
            assert epoch is not None
            epochs.append(epoch)
            self._best = min(self._best, epoch.top1_err)
            done = epoch.diverged_step is not None or epoch.epoch == self._last_epoch
            if done or self._ranks.count > 1 or time.monotonic() - started > REPORT_EVERY_S:
                break
        if begins and (seconds := self._checkpoint.seconds_before):
            self._notes.append(f"resumes from its checkpoint, after {seconds:.0f} s of training")
        notes, self._notes[:] = list(self._notes), []
        return WorkerReport(epochs=epochs, record=self._record(epoch), done=done, notes=notes)

    def _begin(self) -> Iterator[list[EpochRecord | None]]:
        """Begin the trial's training, or go on from its checkpoint: its first epochs are told again then."""
        from sweep.training import loop
        from sweep.training.checkpoint import EVERY_S, Checkpoint
        from sweep.user_trainer import running

        setting, key = self._settings[self._job.setting], self._job.trial.key
        self._last_epoch = setting.recipe.epochs
        kept = setting.checkpoints
        if setting.recipe.trainer:
            self._checkpoint = Checkpoint(None, key)  # counts the seconds only
            folder = self._made(kept, key)
            return running.train(self._job.trial, setting, device=self._device.type, checkpoint=folder)
        # Another processor rounds otherwise, and so would end with another result.
        self._checkpoint = Checkpoint(
            kept.file(key) if kept and self._ranks.rank == 0 else None,
            f"{key} on {_device_name(self._device)}",
            every_s=float(os.environ.get(EVERY_S_VARIABLE, EVERY_S)),
            say=self._notes.append,
        )
        return loop.train(
            [self._job.trial],
            setting.recipe,
            self._open(setting),
            classes=setting.classes,
            px=setting.px,
            device=self._device,
            checkpoint=self._checkpoint,
            ranks=self._ranks,
        )

    def _made(self, kept: CheckpointLocation | None, key: str) -> Path | None:
        """Make the folder in which a training function of the user's own may save how far it is."""
        if kept is None:
            return None
        if (path := kept.folder(key)) is None:
            if not self._told:  # once is enough
                self._notes.append(f"its function has no folder to save in: {kept} is none")
            self._told = True
            return None
        try:
            path.mkdir(exist_ok=True)
            if any(path.iterdir()):
                self._notes.append(f"its function finds what it saved in {path}")
        except OSError as error:
            self._notes.append(
                f"no checkpoint can be written to {path.parent}: {error.strerror}. Training continues."
            )
            return None
        return path

    def _open(self, setting: TrialContext) -> Any:
        """Return the batches of the job's trial; other trials have the same."""
        from sweep.training.streams import open_batches

        resize = test_resize(self._job.trial.model, setting.px, setting.recipe.test_crop)
        place = (setting.recipe, setting.px, resize, setting.evaluate)
        if place not in self._batches:
            self._batches[place] = open_batches(
                self._fetch(setting.data),
                setting.recipe,
                self._device,
                px=setting.px,
                resize=resize,
                evaluate=setting.evaluate,
                loader_workers=setting.loader_workers,
                ranks=self._ranks,
            )
        return self._batches[place]

    def _record(self, epoch: EpochRecord) -> TrialRecord:
        """Return the trial's record if this is its last epoch."""
        diverged = epoch.diverged_step is not None
        count = f"{self._ranks.count} × " if self._ranks.count > 1 else ""
        return TrialRecord(
            key=self._job.trial.key,
            state=TrialState.DIVERGED if diverged else TrialState.FINISHED,
            top1_err=epoch.top1_err,
            best_top1_err=self._best,
            epochs=epoch.epoch,
            wall_s=round(self._checkpoint.seconds, 3),
            diverged_step=epoch.diverged_step,
            device=count + _device_name(self._device),
            host=os.uname().nodename,
        )


def device(on_gpu: bool) -> Any:
    """Return where this process trains.

    Raises
    ------
    RuntimeError
        If its torch cannot use the GPU that it has.
    """
    import torch

    if on_gpu and not torch.cuda.is_available():
        raise RuntimeError(
            "Ray gave this worker a GPU, but its torch cannot use one: install torch with CUDA"
        )
    return torch.device("cuda" if on_gpu else "cpu")


def _device_name(device: Any) -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else cpu_name()
