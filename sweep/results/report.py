"""What a report tells of sweeps besides their trials: plans, hosts, learning curves, links to MLflow."""

import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from sweep.core.keys import recipe_contents
from sweep.core.plan import Plan
from sweep.errors import InputError
from sweep.utils.atomic_files import write_atomically
from sweep.utils.text import counted
from sweep.workspace.sweep import Sweep
from sweep.workspace.trial_table import learning_table

if TYPE_CHECKING:
    from analysis.report import Extras, Progress, SweepFacts


SUFFIXES = (".html", ".htm")
PACKAGES = ("robustness-sweep", "torch", "timm", "ray", "mlflow", "numpy", "scipy", "matplotlib")
_NO_LINKS = "A page on running sweeps has no links to MLflow here; `sweep report` has them."
_SHOWN_APART = ("epochs", "batch", "dataset")


def check_suffix(out: Path) -> None:
    """Refuse a file that no browser would take for a page."""
    if out.suffix.lower() not in SUFFIXES:
        raise InputError(f"`out` {out}: the suffix must be {' or '.join(SUFFIXES)}, got {out.suffix!r}")


def write(page: str, out: Path) -> None:
    """Write a report, whole or not at all.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    try:
        write_atomically(out, page)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error


def extras(
    sweeps: Sequence[Sweep],
    warnings: Sequence[str],
    progress: "Progress | None" = None,
    metric: str | None = None,
) -> "Extras":
    """Gather what plans, journals and MLflow know; of trials from elsewhere there are no sweeps.

    Parameters
    ----------
    sweeps : sequence of Sweep
        What the report is on.
    warnings : sequence of str
        What makes a comparison of them unpaired or biased.
    progress : Progress, optional
        How far they are, if they may be running. MLflow is not asked then: it has other work.
    metric : str, optional
        What they are judged by instead of their own metric.
    """
    from analysis.report import Extras

    if not sweeps:
        return Extras(warnings=warnings, versions=_versions())
    recipes = {sweep.plan.recipe.name for sweep in sweeps}
    links, note = _links(recipes) if progress is None else ({}, _NO_LINKS)
    return Extras(
        facts={sweep.name: _facts(sweep) for sweep in sweeps},
        learning=learning_table(sweeps, metric),
        links=links,
        links_note=note,
        versions=_versions(),
        warnings=warnings,
        progress=progress,
    )


def _facts(sweep: Sweep) -> "SweepFacts":
    plan = sweep.plan
    return replace(
        _training(plan),
        epochs=str(plan.recipe.epochs),
        seed=str(plan.seed),
        optimum_from=plan.optimum_source,
        box_lr=f"{plan.box.lr_low:.3g} to {plan.box.lr_high:.3g}",
        box_wd=f"{plan.box.wd_low:.3g} to {plan.box.wd_high:.3g}",
        trained_on=_where(sweep),
        trained=_when(sweep),
    )


def _training(plan: Plan) -> "SweepFacts":
    """Return by what, and on which data, a sweep's trials are trained."""
    from analysis.report import SweepFacts

    recipe, contents = plan.recipe, recipe_contents(plan.recipe)
    if recipe.trainer:
        return SweepFacts(trainer=recipe.trainer, trainer_source=plan.data_fingerprint)
    settings = [f"{name} {_plain(contents[name])}" for name in contents if name not in _SHOWN_APART]
    skipped = f", {len(plan.skipped_images)} unreadable images skipped" if plan.skipped_images else ""
    return SweepFacts(
        batch=str(recipe.batch),
        px=str(plan.px),
        recipe_settings=", ".join(settings) or "as by default",
        data=f"{recipe.dataset}, {plan.classes} classes, fingerprint {plan.data_fingerprint[:16]}{skipped}",
    )


def _plain(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def _where(sweep: Sweep) -> str:
    records = [history.record for history in sweep.journal.trials.values() if history.record]
    places = Counter(
        " of ".join(filter(None, [record.device, record.host])) or "a machine" for record in records
    )
    return (
        ", ".join(f"{place} ({counted(count, 'trial')})" for place, count in places.most_common())
        or "nothing yet"
    )


def _when(sweep: Sweep) -> str:
    histories = sweep.journal.trials.values()
    starts = [history.started_ms for history in histories if history.started_ms]
    ends = [history.ended_ms for history in histories if history.ended_ms]
    return f"{_day(min(starts))} to {_day(max(ends))} UTC" if starts and ends else "not yet"


def _day(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _links(recipes: Iterable[str]) -> tuple[dict[str, str], str]:
    """Return the runs' addresses, and what to say of them."""
    from sweep.tracking.runs import LOCAL_UI, run_links

    links: dict[str, str] = {}
    for recipe in sorted(recipes):
        try:
            links |= run_links(recipe)
        except InputError as error:
            return {}, f"There are no links to runs: {str(error).splitlines()[0]}"
    if any(address.startswith(LOCAL_UI) for address in links.values()):
        folder = "the folder in which the sweeps were run"
        return links, f"Links to runs open while `sweep ui` is at work in {folder}, on this machine."
    return links, "Links lead to the trials' runs in MLflow."


def _versions() -> dict[str, str]:
    """Return the versions of the running environment; those at training are not recorded."""
    found = {"Python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
