"""What a reader should take home from sweeps: a line a model, and a few findings in words.

Nothing is tested or estimated here: the numbers are those of `analysis.summaries` and `analysis.compare`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from analysis.comparison import Comparison
from analysis.comparison_sentences import advice, of_budget
from analysis.metric import TOP1_ERROR
from analysis.names import optimizer_name
from analysis.summaries import Summary
from analysis.sweep_trials import SweepTrials
from analysis.words import counted

NEAR = TOP1_ERROR.near
"""Models are ranked by the share of their points within this many points of their optimum, like Xiao et al.
do; by another metric, within `Metric.near` of it."""
ROBUST_FROM, FAIR_FROM = 0.9, 0.6
"""A model is called robust if at least the first share of its points lies within `NEAR` of its optimum,
less robust from the second on, sensitive below."""
MOST = 5
"""The most findings."""
_MATTERS, _NAMED = 0.5, 3
"""A hyperparameter is named if it explains at least this share of the variance; at most so many models
are."""


class Rank(NamedTuple):
    """A sweep's place in the ranking."""

    summary: Summary
    word: str
    """robust, less robust or sensitive."""
    text: str
    """The share behind it, in words."""
    note: str
    """Its limits, and the error that it is measured from."""


def ranking(summaries: Iterable[Summary]) -> list[Rank]:
    """Rank sweeps by the share of their points near their optimum, the most robust first.

    Sweeps without a finished trial at their optimum have no Δ and are left out.
    """
    known = [s for s in summaries if s.sweep.optimum_state == "finished"]
    ordered = sorted(known, key=lambda s: (-s.near.value, -s.area.value))
    return [Rank(s, _word(s.near.value), _share(s), _note(s)) for s in ordered]


def _word(share: float) -> str:
    if share >= ROBUST_FROM:
        return "robust"
    return "less robust" if share >= FAIR_FROM else "sensitive"


def _share(s: Summary) -> str:
    return f"{100 * s.near.value:.0f} % of its trials within {_near(s)} of its optimum"


def _near(s: Summary) -> str:
    return s.sweep.metric.amount(s.sweep.metric.near)


def _note(s: Summary) -> str:
    _, low, high = s.near
    sure = f"{100 * low:.0f} to {100 * high:.0f} % at {100 * s.confidence:g} % confidence; "
    limits = "" if math.isnan(low) else sure
    metric = s.sweep.metric
    level = "" if metric.relative else f"{metric.level(s.zero.value)} at the optimum, "
    return f"{limits}{level}{counted(s.sweep.n, 'trial')}"


def findings(
    summaries: Sequence[Summary], pairs: Mapping[str, Sequence[Comparison]], most: int = MOST
) -> list[str]:
    """Return what the sweeps show, as up to ``most`` sentences, the answer to the main question first.

    Parameters
    ----------
    summaries : sequence of Summary
        Of each sweep.
    pairs : mapping of str to sequence of Comparison
        The comparisons, in groups of which each has findings of its own: those of an optimizer, say.
    most : int
        The most sentences.
    """
    found = [_taking(compared) for compared in pairs.values()]
    found += [_prefix(compared, pairs) + _robustness(compared) for compared in pairs.values()]
    rest = [_divergence(summaries), _variance(summaries), _budget(pairs)]
    return [text for text in (*found, *rest) if text][:most]


def _prefix(pairs: Sequence[Comparison], groups: Mapping[str, Sequence[Comparison]]) -> str:
    optimizers = _optimizers(pairs)
    if len(groups) == 1:
        return ""
    if len(optimizers) > 1:
        return "Across optimizers: "
    name = optimizer_name(optimizers[0])
    return f"With {name}: " if name else ""


def _optimizers(pairs: Sequence[Comparison]) -> list[str]:
    return sorted({sweep.optimizer for pair in pairs for sweep in (pair.a, pair.b)})


def _namer(pairs: Sequence[Comparison]) -> Callable[[SweepTrials], str]:
    """Return what names the sweeps of a group: the optimizer, if all have the same, is said once."""
    if len(_optimizers(pairs)) > 1:
        return lambda sweep: sweep.name
    return lambda sweep: sweep.model + sweep.setting


def _robustness(pairs: Sequence[Comparison]) -> str:
    """Return which models are more robust than which, as far as the tests show."""
    if all(math.isnan(pair.q_robust) for pair in pairs):
        return f"Which model is the more robust is not tested: {pairs[0].no_delta}."
    wins = _wins(pairs, lambda pair: pair.more_robust)
    if not wins:
        return "No model is shown to be more robust than another."
    untested = sum(math.isnan(pair.q_robust) for pair in pairs)
    rest = f" {counted(untested, 'pair')} cannot be tested." if untested else ""
    return f"{_ordered(wins, 'is more robust than')}.{_undecided(pairs, wins, 'robustness')}{rest}"


def _taking(pairs: Sequence[Comparison]) -> str | None:
    """Return which model to take; the names tell optimizers apart, if there are several."""
    return None if all(math.isnan(pair.q) for pair in pairs) else advice(pairs)[0]


def _wins(
    pairs: Sequence[Comparison], winner: Callable[[Comparison], SweepTrials | None]
) -> dict[str, list[str]]:
    """Return each winning model's losers, the model that beats most of them first."""
    wins: dict[str, list[str]] = {}
    named = _namer(pairs)
    for pair in pairs:
        won = winner(pair)
        if won is not None:
            loser = pair.b if won is pair.a else pair.a
            wins.setdefault(named(won), []).append(named(loser))
    return dict(sorted(wins.items(), key=lambda win: -len(win[1])))


def _ordered(wins: Mapping[str, Sequence[str]], verb: str) -> str:
    shown = [f"{winner} {verb} {listed(losers)}" for winner, losers in list(wins.items())[:_NAMED]]
    return "; ".join(shown)


def _undecided(pairs: Sequence[Comparison], wins: Mapping[str, Sequence[str]], what: str) -> str:
    tested = [pair for pair in pairs if not math.isnan(pair.q_robust)]
    left = len(tested) - sum(map(len, wins.values()))
    if not left:
        return ""
    of = counted(left, "pair") if len(tested) > _NAMED else _pair_names(tested, wins)
    return f" No difference in {what} is shown between {of}."


def _pair_names(pairs: Sequence[Comparison], wins: Mapping[str, Sequence[str]]) -> str:
    decided = {frozenset((winner, loser)) for winner, losers in wins.items() for loser in losers}
    named = _namer(pairs)
    names = [(named(pair.a), named(pair.b)) for pair in pairs]
    return ", or ".join(f"{a} and {b}" for a, b in names if frozenset((a, b)) not in decided)


def listed(names: Sequence[str], most: int = _NAMED) -> str:
    """Format a list of names for a sentence: a, b and c; or a, b, c and 4 others."""
    if len(names) > most + 1:
        return f"{', '.join(names[:most])} and {len(names) - most} others"
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _divergence(summaries: Sequence[Summary]) -> str | None:
    lost = sorted((s for s in summaries if len(s.sweep.diverged)), key=lambda s: -s.diverged.value)
    if not lost:
        return None
    parts = [f"{len(s.sweep.diverged)} of {s.sweep.n} points of {s.sweep.name}" for s in lost[:_NAMED]]
    more = f" and some of {len(lost) - _NAMED} other models" if len(lost) > _NAMED else ""
    lr = min(float(s.sweep.diverged["lr"].min()) for s in lost)
    since = "" if math.isnan(lr) else f", from a learning rate of {lr:.2g} on"
    counts = lost[0].sweep.metric.diverged
    return f"{listed(parts)}{more} diverged{since}; they count as {counts}."


def _variance(summaries: Sequence[Summary]) -> str | None:
    """Return which hyperparameter decides about the errors, where one does."""
    known = [s for s in summaries if not math.isnan(s.variance.lr.value)]
    for name, other in (("learning rate", "weight decay"), ("weight decay", "learning rate")):
        split = [(s, *_two(s, name)) for s in known]
        moved = sorted((each for each in split if each[1] >= _MATTERS), key=lambda each: -each[1])
        if moved:
            shares = [f"{100 * own:.0f} % ({s.sweep.name})" for s, own, _ in moved[:_NAMED]]
            most = f"{100 * max(rest for _, _, rest in moved):.0f} %"
            metric = moved[0][0].sweep.metric
            errors = "the errors" if metric.is_top1_error else metric.name
            return (
                f"The {name} explains {listed(shares)} of the variance of {errors} over the box, the "
                f"{other} {'less than 1 %' if most == '0 %' else f'at most {most}'}."
            )
    return None


def _two(s: Summary, name: str) -> tuple[float, float]:
    shares = s.variance.lr.value, s.variance.weight_decay.value
    return shares if name == "learning rate" else shares[::-1]


def _budget(pairs: Mapping[str, Sequence[Comparison]]) -> str | None:
    """Return how few trials of the better model match the best of the other, where they differ most."""
    every = [pair for compared in pairs.values() for pair in compared if pair.different]
    # Where a trial is worse than everything, no expectation tells how many trials it takes.
    tested = [pair for pair in every if not math.isnan(pair.median_diff.value)]
    text = of_budget(max(tested, key=lambda pair: abs(pair.median_diff.value))) if tested else ""
    return f"{text}." if text else None
