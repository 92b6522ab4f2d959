"""Trials that finished, and yet are no better than a model that has learned nothing."""

from collections.abc import Mapping, Sequence

from analysis.sweep_trials import SweepTrials, values


def at_chance(sweep: SweepTrials, chance: float) -> int:
    """Count the finished points that are no better than chance.

    Parameters
    ----------
    sweep : SweepTrials
        The sweep.
    chance : float
        The metric's value that chance gives.
    """
    return int((values(sweep.finished, "top1_err") >= sweep.metric.cost(chance)).sum())


def of_chance(sweeps: Sequence[SweepTrials], chances: Mapping[str, float]) -> list[str]:
    """Return a sentence for each sweep of which some finished points are no better than chance.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        The sweeps.
    chances : mapping of str to float
        Sweep → the metric's value that chance gives, where that is known.
    """
    counts = {s.sweep: at_chance(s, chances[s.sweep]) for s in sweeps if s.sweep in chances}
    return [
        f"{s.name}: {counts[s.sweep]} of {len(s.finished)} finished trials "
        f"{'is' if counts[s.sweep] == 1 else 'are'} no better than chance "
        f"({s.metric.level(s.metric.cost(chances[s.sweep]))}): trained, but nothing learned"
        for s in sweeps
        if counts.get(s.sweep)
    ]
