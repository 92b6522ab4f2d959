"""Checkpoints: the state of an unfinished training, from which it resumes."""

import hashlib
import logging
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import IO, Any, TypeVar

import torch

from sweep.checkpoints.base import CheckpointFile, StorageAwayError

EVERY_S = 10.0
"""The least time between two checkpoints of a training, which may fall within an epoch."""
MOST_SHARE = 0.02
"""The largest share of the training time to spend on checkpoints: large models on slow disks write fewer."""

Restored = TypeVar("Restored")

_MAGIC = b"sweep checkpoint 1\n"
_DIGEST_LETTERS = 64


class Checkpoint:
    """The checkpoint of one training, and how long that training has taken.

    A checkpoint holds tensors and plain values only and is read with ``weights_only``, so that reading one
    runs no code from the file. A digest detects truncated or changed files; it is no signature.

    Parameters
    ----------
    file : CheckpointFile, optional
        Where the checkpoint is stored. Without it no checkpoint is written, and only the time is counted.
    identity : str
        What determines the training's result. A checkpoint with another identity is not used.
    every_s : float
        The least time between two checkpoints, in seconds.
    pack : int
        Trials that train together, each with a checkpoint. They share the time that may go to checkpoints.
    say : callable
        Receives a message, once for each reason, when a checkpoint cannot be used or written.
    """

    def __init__(
        self,
        file: CheckpointFile | None,
        identity: str,
        *,
        every_s: float = EVERY_S,
        pack: int = 1,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._file = file
        # Another version of a library gives the same training other last bits.
        self._identity = f"{identity}, torch {torch.__version__}, timm {version('timm')}"
        self._every_s, self._pack = every_s, pack
        self._say = say or logging.getLogger(__name__).warning
        self._reported: set[str] = set()
        self._cost_s, self._trusted = 0.0, False
        self._began = self._last = time.monotonic()
        self.seconds_before = 0.0
        """Seconds the training had taken when the checkpoint it resumed from was written."""

    @property
    def seconds(self) -> float:
        """Seconds the training has taken so far, including the time before an interruption."""
        return time.monotonic() - self._began

    @property
    def due(self) -> bool:
        """Whether it is time to write another checkpoint."""
        wait = max(self._every_s, self._pack * self._cost_s / MOST_SHARE)
        return self._file is not None and time.monotonic() - self._last >= wait

    def restore(self, rebuild: Callable[[dict[str, Any]], Restored]) -> Restored | None:
        """Rebuild a training from the newest usable checkpoint.

        Parameters
        ----------
        rebuild : callable
            Turns a saved state into the training.

        Returns
        -------
        Restored or None
            The rebuilt training; None if no checkpoint exists or none can be used. Each checkpoint that
            cannot be used is reported.

        Raises
        ------
        StorageAwayError
            If the storage does not answer.
        """
        names = self._file.names if self._file else ()
        for name in names:
            if (contents := self._contents(name)) is None:
                continue
            try:
                restored = rebuild(contents["state"])
            except Exception as error:  # a state that does not fit raises whatever torch raises
                self._report(f"checkpoint {name} is not used: {_reason(error)}")
                continue
            self.seconds_before = contents["seconds"]
            self._began = time.monotonic() - self.seconds_before
            self._trusted = name == names[0]
            return restored
        return None

    def _contents(self, name: str) -> dict[str, Any] | None:
        """Read a checkpoint; None if it does not exist, or cannot be used, which is reported."""
        assert self._file is not None
        try:
            with self._file.open(name) as file:
                contents = _read(file)
            if contents["identity"] != self._identity:
                raise ValueError(f"it belongs to {contents['identity']}, not to {self._identity}")
        except FileNotFoundError:
            return None
        except StorageAwayError:
            raise  # trying the trial again later saves a good checkpoint from being overwritten
        except Exception as error:  # a file that torch did not write raises anything
            self._report(f"checkpoint {name} is not used: {_reason(error)}")
            return None
        return contents

    def save(self, state: dict[str, Any]) -> None:
        """Replace the checkpoint.

        If that fails, for example on a full disk, the failure is reported and the training continues.
        """
        assert self._file is not None
        started = time.monotonic()
        contents = {"identity": self._identity, "seconds": self.seconds, "state": state}
        try:
            self._file.replace(partial(_write, contents), keep=self._trusted)
            self._trusted = True
        except (OSError, RuntimeError) as error:  # torch wraps some of the system's errors
            place, reason = self._file.location, _reason(error)
            self._report(f"no checkpoint could be written to {place}: {reason}. Training continues.")
        self._last = time.monotonic()
        self._cost_s = self._last - started

    def _report(self, text: str) -> None:
        """Report a problem once."""
        if text not in self._reported:
            self._reported.add(text)
            self._say(text)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]


class _Hashed:
    """A file that hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def write(self, data: bytes) -> int:
        self.digest.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()


def _write(contents: dict[str, Any], file: IO[bytes]) -> None:
    file.write(_MAGIC + b"-" * _DIGEST_LETTERS + b"\n")
    body = _Hashed(file)
    torch.save(contents, body)  # type: ignore[arg-type]
    file.seek(len(_MAGIC))
    file.write(body.digest.hexdigest().encode())


def _read(file: IO[bytes]) -> dict[str, Any]:
    head = file.read(len(_MAGIC) + _DIGEST_LETTERS + 1)
    if not head.startswith(_MAGIC):
        raise ValueError("it is not a checkpoint of this version")
    body = file.tell()
    digest = hashlib.file_digest(file, "sha256").hexdigest().encode()  # type: ignore[arg-type]
    if head != _MAGIC + digest + b"\n":
        raise ValueError("it was truncated, or changed after it was written")
    file.seek(body)
    return torch.load(file, map_location="cpu", weights_only=True)
