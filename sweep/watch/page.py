"""The page on sweeps as they stand, from what is known of their journals."""

from sweep.errors import InputError
from sweep.results import report
from sweep.results.figures import with_places
from sweep.results.selection import Trials, comparison_warnings
from sweep.watch.follow import Follower, epochs_of
from sweep.workspace.sweep import Sweep
from sweep.workspace.trial_table import trial_table


def page_of(follower: Follower, *, served: bool) -> str:
    """Return the page on the followed sweeps.

    Parameters
    ----------
    follower : Follower
        Caught up.
    served : bool
        Whether the page asks for what has changed since; one that is kept does not.

    Raises
    ------
    InputError
        If there is no sweep with points.
    """
    from analysis.report import Progress, report_html

    sweeps = shown(follower)
    trials = Trials(trial_table(sweeps), comparison_warnings(sweeps), sweeps)
    since = f"changes?layout={follower.layout}&since={follower.version}"
    histories = [item for sweep in sweeps for item in sweep.journal.trials.items()]
    progress = Progress(
        drivers=follower.drivers,
        epochs={key: epochs for key, history in histories if (epochs := epochs_of(history)) is not None},
        failures={
            key: history.record.error
            for key, history in histories
            if history.record is not None and history.record.error
        },
        changes=since if served else None,
    )
    extras = report.extras(sweeps, [*_problems(follower), *trials.warnings], progress=progress)
    return report_html(with_places(trials.to_compare), extras)


def shown(follower: Follower) -> list[Sweep]:
    """Return the followed sweeps that have points, by name.

    Raises
    ------
    InputError
        If there is none.
    """
    sweeps = sorted((sweep for sweep in follower.sweeps if sweep.plan.n), key=lambda sweep: sweep.name)
    if sweeps:
        return sweeps
    if follower.problems:
        raise InputError("; ".join(follower.problems.values()))
    left = f" of {follower.only}" if str(follower.only) else ""
    raise InputError(
        f"no sweep to show{left}: {follower.folder}/ has none with points. Begin one: "
        "sweep run --model vit_c_1mf"
    )


def _problems(follower: Follower) -> list[str]:
    lost = [(sweep.name, sweep.journal.damaged) for sweep in follower.sweeps if sweep.journal.damaged]
    return [
        *follower.problems.values(),
        *(
            f"{count} damaged line(s) of {name}'s journal left out; its own `sweep run …` repairs it"
            for name, count in lost
        ),
    ]
