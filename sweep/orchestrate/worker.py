"""Trains one pack of trials after the other in one process, and reports: what a worker does, without Ray."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sweep.checkpoints.base import CheckpointLocation
from sweep.core.jobs import Job, TrialContext
from sweep.core.trial import EpochRecord, TrialSpec
from sweep.models.catalog import test_resize
from sweep.orchestrate.pack_sizes import remembered
from sweep.orchestrate.trial_progress import TrialProgress
from sweep.orchestrate.worker_reports import PackReport
from sweep.recipes.recipe import Recipe
from sweep.utils.allocator import keep_freed_memory
from sweep.utils.cpu_isa import cpu_name, pin

if TYPE_CHECKING:
    from sweep.training.checkpoint import Checkpoint
    from sweep.training.ranks import Ranks


REPORT_EVERY_S = 1.0
"""Epochs that are shorter than this are reported together."""

EVERY_S_VARIABLE = "SWEEP_CHECKPOINT_EVERY_S"
"""Environment variable of the workers: seconds between two checkpoints, for tests."""


class Trains(Protocol):
    """Whoever trains a pack: one process, or several together."""

    def turn_to(self, jobs: Sequence[Job]) -> None:
        """Take note of what is trained from now on: the trials of a pack."""

    def report(self) -> PackReport:
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
        pin()  # before anything asks torch what this processor can do: it does not look a second time
        keep_freed_memory()
        import torch

        from sweep.training.ranks import Ranks

        torch.set_num_threads(1)  # more would take sums in another order: the same trial, other last bits
        self._device = device(on_gpu)
        self._settings, self._fetch, self._ranks = settings, fetch, ranks or Ranks()
        self._batches: dict[tuple[Recipe, int, int, str], Any] = {}
        self._fit: dict[tuple[int, str], int] = {}  # setting, model → trials that the memory holds at once
        self._told = False

    def turn_to(self, jobs: Sequence[Job]) -> None:
        """Take note of the trials of another pack; nothing is done yet that could fail."""
        self._waiting = list(jobs)
        self._trials: list[TrialProgress] = []
        self._epochs: Iterator[list[EpochRecord | None]] | None = None
        self._split_note: list[str] = []

    def report(self) -> PackReport:
        """Train for an epoch, or for some short ones; report them, and a trial's record with its last.

        A pack that the memory does not hold is split: its trials resume a few at a time.
        """
        from sweep.training.memory import TrainingOutOfMemoryError, release_memory

        while True:
            try:
                return self._report()
            except TrainingOutOfMemoryError:
                if not self._split():
                    raise
            release_memory()  # out here, as the error holds what the pack was made of

    def _report(self) -> PackReport:
        """Train on and report.

        A report takes the driver and back: milliseconds in which the worker idles. Processes that train
        together report each epoch, for their clocks differ.
        """
        self._epochs = self._epochs or self._begin()
        started = time.monotonic()
        while True:
            for trial, epoch in zip(self._trials, next(self._epochs), strict=True):
                trial.add(epoch)
            done = all(trial.done for trial in self._trials)
            if done or self._ranks.count > 1 or time.monotonic() - started > REPORT_EVERY_S:
                break
        reports = [trial.report(self._device_name) for trial in self._trials]
        if done:
            self._epochs = None
        return PackReport(trials=[each for each in reports if each], done=done and not self._waiting)

    def best_pack(self, job: Job, most: int) -> int:
        """Return how many trials like this one, up to ``most``, train the fastest together."""
        from sweep.training.pack_timing import best_size

        setting = self._settings[job.setting]

        def measure() -> int:
            return best_size(
                job.trial,
                setting.recipe,
                self._open(setting, job.trial.model),
                device=self._device,
                most=most,
                classes=setting.classes,
                px=setting.px,
            )

        return remembered(job, setting, self._device_name, most=most, measure=measure)

    def _split(self) -> bool:
        """Let the trials of this pack wait for another start, half as many at a time; False if it is one."""
        left = [trial.job for trial in self._trials if not trial.over]
        if len(left) < 2:
            return False
        half = self._fit[_kind(left[0])] = (len(left) + 1) // 2
        self._waiting = left + self._waiting
        self._epochs = None
        self._split_note = [f"out of memory with {len(left)} trials at once: {half} at once from now on"]
        return True

    def _begin(self) -> Iterator[list[EpochRecord | None]]:
        """Begin a pack's training, or resume from its checkpoints: its first epochs are told again then."""
        most = self._fit.get(_kind(self._waiting[0]), len(self._waiting))
        jobs, self._waiting = self._waiting[:most], self._waiting[most:]
        setting, notes = self._settings[jobs[0].setting], [self._split_note, *([] for _ in jobs[1:])]
        self._split_note = []
        self._trials = [
            TrialProgress(
                job,
                self._checkpoint(job, len(jobs), said),
                setting.recipe.epochs,
                said,
                setting.recipe.metric,
            )
            for job, said in zip(jobs, notes, strict=True)
        ]
        if setting.recipe.trainer:
            return self._begin_function(jobs[0].trial, setting, notes[0])
        from sweep.training import loop

        kept = [trial.checkpoint for trial in self._trials] if self._ranks.rank == 0 else []
        return loop.train(
            [job.trial for job in jobs],
            setting.recipe,
            self._open(setting, jobs[0].trial.model),
            classes=setting.classes,
            px=setting.px,
            device=self._device,
            checkpoints=kept,
            ranks=self._ranks,
        )

    def _checkpoint(self, job: Job, pack: int, notes: list[str]) -> "Checkpoint":
        """Return a trial's checkpoint; that of a user-defined training function counts the seconds only."""
        from sweep.training.checkpoint import EVERY_S, Checkpoint

        setting, key = self._settings[job.setting], job.trial.key
        if setting.recipe.trainer:
            return Checkpoint(None, key)
        kept = setting.checkpoints
        # Another processor rounds otherwise, and so would end with another result.
        return Checkpoint(
            kept.file(key) if kept and self._ranks.rank == 0 else None,
            f"{key} on {_device_name(self._device)}",
            every_s=float(os.environ.get(EVERY_S_VARIABLE, EVERY_S)),
            pack=pack,
            say=notes.append,
        )

    def _begin_function(self, trial: TrialSpec, setting: TrialContext, notes: list[str]) -> Any:
        """Begin the trial of a user-defined training function."""
        from sweep.user_trainer import running

        folder = self._made(setting.checkpoints, trial.key, notes)
        return running.train(trial, setting, device=self._device.type, checkpoint=folder)

    def _made(self, kept: CheckpointLocation | None, key: str, notes: list[str]) -> Path | None:
        """Make the folder in which a training function of the user's own may save how far it is."""
        if kept is None:
            return None
        if (path := kept.folder(key)) is None:
            if not self._told:  # once is enough
                notes.append(f"its function has no folder to save in: {kept} is none")
            self._told = True
            return None
        try:
            path.mkdir(exist_ok=True)
            if any(path.iterdir()):
                notes.append(f"its function finds what it saved in {path}")
        except OSError as error:
            notes.append(
                f"no checkpoint can be written to {path.parent}: {error.strerror}. Training continues."
            )
            return None
        return path

    def _open(self, setting: TrialContext, model: str) -> Any:
        """Return the batches of a model's trials."""
        from sweep.training.streams import open_batches

        resize = test_resize(model, setting.px, setting.recipe.test_crop)
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

    @property
    def _device_name(self) -> str:
        count = f"{self._ranks.count} × " if self._ranks.count > 1 else ""
        return count + _device_name(self._device)


def _kind(job: Job) -> tuple[int, str]:
    return job.setting, job.trial.model


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
