"""How far a training has come, in a file that it goes on from; there whole or not at all."""

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
"""A training writes a checkpoint at most so often, in the middle of an epoch too."""
MOST_SHARE = 0.02
"""Of the time, for writing checkpoints: a large model on a slow disk writes fewer."""

Restored = TypeVar("Restored")

_MAGIC = b"sweep checkpoint 1\n"
_DIGEST_LETTERS = 64


class Checkpoint:
    """How far one training has come, on its shelf.

    It holds tensors and plain values only, and is read as such (``weights_only``): reading one runs no code
    of its own. A digest of its contents tells one that was cut short or changed; it is no signature.

    Parameters
    ----------
    shelf : Shelf, optional
        Where it lies. Without one nothing is kept, and only the time is counted.
    identity : str
        What determines the training's result. A checkpoint of another one is refused.
    every_s : float
        The least time between two checkpoints, in seconds.
    say : callable
        Is told, once each, why a checkpoint is not used, or not written.
    """

    def __init__(
        self,
        shelf: CheckpointFile | None,
        identity: str,
        *,
        every_s: float = EVERY_S,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._shelf = shelf
        # The same training with another library gives other last bits.
        self._identity = f"{identity}, torch {torch.__version__}, timm {version('timm')}"
        self._every_s, self._say = every_s, say or logging.getLogger(__name__).warning
        self._said: set[str] = set()
        self._cost_s, self._trusted = 0.0, False
        self._began = self._last = time.monotonic()
        self.seconds_before = 0.0
        """How long the training had taken when the checkpoint that it goes on from was written."""

    @property
    def seconds(self) -> float:
        """How long the training has taken so far, with what was done before it was interrupted."""
        return time.monotonic() - self._began

    @property
    def due(self) -> bool:
        """Whether it is time for another one."""
        wait = max(self._every_s, self._cost_s / MOST_SHARE)
        return self._shelf is not None and time.monotonic() - self._last >= wait

    def restore(self, rebuild: Callable[[dict[str, Any]], Restored]) -> Restored | None:
        """Rebuild a training from the newest file, or else from the older one.

        Returns
        -------
        Restored or None
            What ``rebuild`` makes of the state that was saved; None if there is no file that can be gone on
            from. Each that is refused is said to be.

        Raises
        ------
        StorageAwayError
            If a store does not answer.
        """
        names = self._shelf.names if self._shelf else ()
        for name in names:
            try:
                contents = self._contents(name)
                restored = rebuild(contents["state"])
            except FileNotFoundError:
                continue
            except StorageAwayError:
                raise  # the trial is tried again, rather than begun anew over a good checkpoint
            except Exception as error:  # whatever torch raises for what it did not write
                self._tell(f"checkpoint {name} is not used: {_reason(error)}")
                continue
            self.seconds_before = contents["seconds"]
            self._began = time.monotonic() - self.seconds_before
            self._trusted = name == names[0]
            return restored
        return None

    def _contents(self, name: str) -> dict[str, Any]:
        assert self._shelf is not None
        with self._shelf.open(name) as file:
            contents = _read(file)
        if contents["identity"] != self._identity:
            raise ValueError(f"it is of {contents['identity']}, not of {self._identity}")
        return contents

    def save(self, state: dict[str, Any]) -> None:
        """Put a state in the place of the one before.

        If that fails, on a full disk say, the training goes on without.
        """
        assert self._shelf is not None
        started = time.monotonic()
        contents = {"identity": self._identity, "seconds": self.seconds, "state": state}
        try:
            self._shelf.replace(partial(_write, contents), keep=self._trusted)
            self._trusted = True
        except (OSError, RuntimeError) as error:  # torch wraps some of the system's errors
            self._tell(
                f"no checkpoint could be written to {self._shelf.place}: {_reason(error)}. Training goes on."
            )
        self._last = time.monotonic()
        self._cost_s = self._last - started

    def _tell(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
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
        raise ValueError("it is no checkpoint, or one of another version")
    body = file.tell()
    digest = hashlib.file_digest(file, "sha256").hexdigest().encode()  # type: ignore[arg-type]
    if head != _MAGIC + digest + b"\n":
        raise ValueError("it was cut short, or changed after it was written")
    file.seek(body)
    return torch.load(file, map_location="cpu", weights_only=True)
