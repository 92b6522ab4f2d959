"""Why an attempt to train a trial failed, and whether there is another one."""

import dataclasses
import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sweep.core.jobs import AttemptFailure
from sweep.user_trainer.contract import TrainerError
from sweep.utils.tracebacks import last_line, location, origin, users_frame

RETRIES = 3
"""How often a trial is retried after the infrastructure has failed it."""
APART = "its pack failed, so it is trained alone"
"""What is said of a trial whose pack was taken apart."""


class AttemptError(Exception):
    """What a worker raises whatever went wrong, so that the driver can read it: its own classes are here."""

    def __init__(self, failure: AttemptFailure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return self.failure.message


@contextmanager
def describing_failures() -> Iterator[None]:
    """Describe every exception while its traceback is at hand, which does not cross to the driver."""
    try:
        yield
    except AttemptError:
        raise
    except Exception as error:
        raise AttemptError(failure_of(error)) from None


def failure_of(error: BaseException) -> AttemptFailure:
    """Describe what made an attempt fail."""
    if isinstance(error, AttemptError):
        return error.failure
    if isinstance(error, TrainerError):  # it says where in their code it came from
        message, place = str(error)[:500], error.origin or str(error)
    else:
        frame = users_frame(error)
        message, place = last_line(error) + location(frame), origin(error, frame) or ""
    return AttemptFailure(
        message=message,
        traceback="".join(traceback.format_exception(error)),
        origin=place or None,
        host=os.uname().nodename,
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def ran_out_of_memory(failure: AttemptFailure) -> bool:
    """Return whether an attempt failed for want of memory: torch, or Ray's watch over a machine, says so."""
    text = f"{failure.message} {failure.traceback}".lower()
    return "out of memory" in text or "low on memory" in text


class Attempts:
    """The failed attempts of a trial."""

    def __init__(self) -> None:
        self.failures: list[AttemptFailure] = []

    def add(self, failure: AttemptFailure) -> AttemptFailure:
        """Take in another one; return it with its number."""
        self.failures.append(dataclasses.replace(failure, attempt=len(self.failures) + 1))
        return self.failures[-1]

    @property
    def exhausted(self) -> bool:
        """Whether to give up: after `RETRIES` retries, or one if the user's own code failed twice alike."""
        origins = [failure.origin for failure in self.failures if failure.origin]
        return len(self.failures) > RETRIES or len(set(origins)) < len(origins)
