"""Draws the figures of what was run: a step of its own, so that its errors are not blamed on MLflow."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.driver.events import FiguresFailed, OnEvent
from sweep.workspace.trial_folder import TrialFolder

if TYPE_CHECKING:
    from sweep.results.parent_run import ParentRun

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Drawn:
    """What is shown of a sweep or a search."""

    figures: list[Path]
    run: "ParentRun"


def draw_all(folders: Sequence[TrialFolder[Any]], on_event: OnEvent) -> dict[str, Drawn]:
    """Draw the figures of each sweep or search, and sum its results up, as far as its trials allow.

    Returns
    -------
    dict
        By sweep or search; without those for which that was not possible, which is reported.
    """
    drawn = {}
    for folder in folders:
        try:
            # pandas and matplotlib take a second to import
            from sweep.results.figures import draw_figures
            from sweep.results.parent_run import parent_run

            drawn[folder.name] = Drawn(figures=draw_figures(folder), run=parent_run(folder))
        except Exception as error:  # a full disk, or a mistake in our drawing: the results are safe
            _log.exception("the figures of %s could not be drawn", folder.name)
            on_event(FiguresFailed(name=folder.name, problem=f"{type(error).__name__}: {error}"))
    return drawn
