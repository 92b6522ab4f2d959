"""Draws the figures of what was run: a step of its own, so that its errors are not blamed on MLflow."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sweep.driver.events import FiguresFailed, OnEvent
from sweep.workspace.trial_folder import TrialFolder

_log = logging.getLogger(__name__)


def draw_all(folders: Sequence[TrialFolder[Any]], on_event: OnEvent) -> dict[str, list[Path]]:
    """Draw the figures of each sweep or search, as far as its trials allow.

    Returns
    -------
    dict
        Sweep or search → its files; without those that could not be drawn, which is reported.
    """
    drawn = {}
    for folder in folders:
        try:
            from sweep.results.figures import draw_figures  # pandas and matplotlib take a second to import

            drawn[folder.name] = draw_figures(folder)
        except Exception as error:  # a full disk, or a mistake in our drawing: the results are safe
            _log.exception("the figures of %s could not be drawn", folder.name)
            on_event(FiguresFailed(name=folder.name, problem=f"{type(error).__name__}: {error}"))
    return drawn
