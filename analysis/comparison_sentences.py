"""What a comparison shows, in plain sentences: which model to take, where they differ, which is more robust.

An answer is a sentence without numbers of statistics, and the evidence for it apart, so that a page can show
the one and fold the other.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.comparison import Comparison
from analysis.intervals import Interval
from analysis.metric import Metric
from analysis.sweep_trials import SweepTrials, values
from analysis.tuning import budget_for
from analysis.words import counted, negated, number, p_value, percent, points_of

MANY = 10_000
"""If more trials than this would be needed, the sentence gives this number instead."""
_SHOWN_BUDGETS = (1, 4, 16)
LEAST_TO_PLAN = 8
"""Trials from which the number of trials needed is estimated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to one question about two models."""

    question: str
    """take, where, robust, alike or enough."""
    settled: bool
    """Whether something is claimed; otherwise the sentence says that nothing is shown."""
    sentence: str
    """The answer in plain words."""
    evidence: str
    """Intervals and p-values; may be empty."""

    def __str__(self) -> str:
        """Return both as one text."""
        return f"{self.sentence} ({self.evidence})." if self.evidence else f"{self.sentence}."


def answers(pair: Comparison) -> list[Answer]:
    """Return what a comparison shows, one answer for each question."""
    found = [_take(pair), _where(pair), _robust(pair), _alike(pair), _enough(pair)]
    return [each for each in found if each is not None]


def sentences(pair: Comparison) -> list[str]:
    """Return the answers of a comparison as texts with their evidence."""
    return [str(each) for each in answers(pair)]


def advice(pairs: Sequence[Comparison]) -> list[str]:
    """Return which model to take of all that were compared, and which are the most robust.

    Parameters
    ----------
    pairs : sequence of Comparison
        All pairs of some models.
    """
    sweeps = list({sweep.sweep: sweep for pair in pairs for sweep in (pair.a, pair.b)}.values())
    if len(sweeps) == 2:
        return [f"{each.sentence}." for each in answers(pairs[0]) if each.question != "where"]
    return [_take_of_all(pairs, sweeps), _robust_of_all(pairs, sweeps)]


def _take(pair: Comparison) -> Answer:
    if pair.no_test:
        return _open("take", f"Which of {_both(pair)} to take cannot be said: {pair.no_test}")
    if not pair.different:
        text = f"{_both(pair)} are not told apart in their {_errors(pair)} at n = {_n(pair)}{_chances(pair)}"
        return _open("take", text, _evidence(pair))
    runs = [
        (model, [k for k, _ in run])
        for model, run in itertools.groupby(pair.better_at, key=lambda each: each[1])
        if model is not None
    ]
    if not runs:
        text = f"{_both(pair)} differ in their {_errors(pair)}, but neither is shown to be the one to take"
        return _open("take", text + _chances(pair), _evidence(pair))
    (first, budgets), *others = runs
    if others:
        last, later = others[-1]
        text = f"Take {first.name} {_for(budgets)}, {last.name} {_for(later)}"
    else:
        text = f"Take {first.name} rather than {_other(pair, first).name}, {_for(budgets)}"
    return Answer(question="take", settled=True, sentence=text + _chances(pair), evidence=_evidence(pair))


def _open(question: str, text: str, evidence: str = "") -> Answer:
    """Return an answer that claims nothing."""
    return Answer(question=question, settled=False, sentence=text, evidence=evidence)


def _for(budgets: Sequence[int]) -> str:
    """Write at which budgets a model is the better one."""
    if budgets[-1] == 1:
        return "with one random trial of each"
    if len(budgets) == 1:
        return f"with {budgets[0]} random trials of each"
    return f"with {budgets[0]} to {budgets[-1]} random trials of each"


def _chances(pair: Comparison) -> str:
    """Write how often the best of some trials of the one beats the best of as many of the other."""
    if pair.budgets is None:
        return ""
    claimed = pair.budgets.claimed[pair.budgets.claimed != 0]
    of_a = bool(claimed[-1] > 0 if pair.different and claimed.size else pair.budgets.wins[0] >= 0.5)
    shown = [place for place, k in enumerate(pair.budgets.k) if k in _SHOWN_BUDGETS]
    wins = [_wins(pair, place, of_a=of_a) for place in shown]
    one, other = (pair.a, pair.b) if of_a else (pair.b, pair.a)
    return f". One random trial of {one.name} beats one of {other.name} in {', '.join(wins)} of cases"


def _wins(pair: Comparison, place: int, *, of_a: bool) -> str:
    assert pair.budgets is not None
    k, value, low, high = (float(column[place]) for column in pair.budgets)
    share = Interval(value, low, high) if of_a else Interval(1 - value, 1 - high, 1 - low)
    return percent(share) if k == 1 else f"the best of {k:.0f} in {percent(share)}"


def _evidence(pair: Comparison) -> str:
    """Write the median difference and the tests of the error."""
    value, low, high = pair.better
    lead = pair.median_diff
    ahead, better = (
        (pair.a, pair.better) if lead.value < 0 else (pair.b, Interval(1 - value, 1 - high, 1 - low))
    )
    lead = negated(lead) if lead.value < 0 else lead
    at = f" and is better at {percent(better)} of the shared points" if pair.paired else ""
    by = f" by {points_of(lead, pair.a.metric)}" if lead.value else ""
    equal = "no difference at the median shared point" if pair.paired else "equal medians"
    median = f"{ahead.name} leads{by} in the median{at}" if lead.value else equal
    if math.isnan(lead.value):
        median = _oftener(pair)
    (name, p), *others = pair.tests.items()
    tests = [f"{name} p = {p_value(p)}, {p_value(pair.q)} after correction"]
    tests += [f"{other} p = {p_value(p)}" for other, p in others]
    if pair.left_out:
        tests.append(f"{counted(pair.left_out, 'trial')} without a partner at the same point left out")
    return "; ".join([median, *tests])


def _oftener(pair: Comparison) -> str:
    """Write which model is better more often, where no number says by how much."""
    value, low, high = pair.better
    if value == 0.5:
        return f"neither is better more often ({100 * low:.0f}–{100 * high:.0f} %, ties count half)"
    ahead, share = (pair.a, pair.better) if value >= 0.5 else (pair.b, Interval(1 - value, 1 - high, 1 - low))
    where = f"at {percent(share)} of the shared points" if pair.paired else f"in {percent(share)} of cases"
    return f"{ahead.name} is better {where}"


def _errors(pair: Comparison) -> str:
    return "errors" if pair.a.metric.is_top1_error else pair.a.metric.name


def _where(pair: Comparison) -> Answer | None:
    if not pair.where:
        return None
    texts = [_reached(pair, a_leads=leads) for leads in dict.fromkeys(each.a_leads for each in pair.where)]
    text = "; ".join(filter(None, [*texts, _diverging(pair)]))
    cross = "the curves cross: " if len(texts) > 1 else ""
    return (
        Answer(question="where", settled=True, sentence=_upper(cross + text), evidence="") if text else None
    )


def _reached(pair: Comparison, *, a_leads: bool) -> str:
    """Write which errors more trials of one model reach; a single error is not worth a sentence."""
    own = [each for each in pair.where if each.a_leads == a_leads and each.from_err < each.to_err]
    if not own:
        return ""
    leader, other = (pair.a, pair.b) if a_leads else (pair.b, pair.a)
    metric = pair.a.metric
    spans = " and ".join(
        f"from {metric.cost(each.from_err):.4g} to {_level(metric, each.to_err)}" for each in own
    )
    clearest = max(own, key=lambda each: abs(each.share_a - each.share_b))
    less, more = sorted([clearest.share_a, clearest.share_b])
    return (
        f"more trials of {leader.name} than of {other.name} reach {_errors(pair)} {spans}, such as "
        f"{_level(metric, clearest.at_err)}: {100 * more:.0f} against {100 * less:.0f} %"
    )


def _level(metric: Metric, cost: float) -> str:
    return f"{metric.cost(cost):.4g} {metric.unit}".rstrip()


def _diverging(pair: Comparison) -> str:
    """Write which model diverges more often, if that is claimed.

    The claim is of all trials beyond the highest error below the worst one: if some finished with that, too,
    it is not one of those that diverged.
    """
    last = next((each for each in pair.where if each.to_the_last), None)
    if last is None or not any(pair.diverged) or _any_finished_worst(pair):
        return ""
    lost = pair.diverged
    model, more = (pair.b, negated(pair.diverged_diff)) if last.a_leads else (pair.a, pair.diverged_diff)
    of = "trials at the shared points" if pair.left_out else "trials"
    return (
        f"{model.name} diverges more often, in {100 * max(lost):.0f} against {100 * min(lost):.0f} % of its "
        f"{of}, by {percent(more)}"
    )


def _any_finished_worst(pair: Comparison) -> bool:
    """Return whether a trial finished with the value that a diverged one counts as, such as an F1 of 0."""
    sweeps = (pair.a, pair.b)
    return any(bool((values(s.finished, "top1_err") >= s.metric.worst).any()) for s in sweeps)


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _robust(pair: Comparison) -> Answer:
    if math.isnan(pair.area.value):
        return _open("robust", f"Robustness cannot be compared: {pair.no_delta}")
    corrected = "" if math.isnan(pair.q_robust) else f"p = {p_value(pair.q_robust)} after correction; "
    up_to = pair.a.metric.amount(pair.a.metric.area_to)
    evidence = (
        f"{corrected}area up to {up_to}, {pair.a.name} − {pair.b.name}: counted from the optimum "
        f"{_area(pair.area_diff, pair.p_area)}; from at and around it "
        f"{_area(pair.area_around_diff, pair.p_area_around)}"
    )
    if pair.no_delta:
        return _open("robust", f"Which one is more robust is not tested: {pair.no_delta}", evidence)
    if pair.more_robust is None:
        text = f"Neither {pair.a.name} nor {pair.b.name} is shown to be more robust"
        return _open("robust", text, evidence)
    text = f"{pair.more_robust.name} is more robust than {_other(pair, pair.more_robust).name}"
    return Answer(question="robust", settled=True, sentence=text, evidence=evidence)


def _area(difference: Interval, p: float) -> str:
    """Write a difference of areas; its limits are too close if the zeros are too little known to test it."""
    return f"{difference.value:.2f}" if math.isnan(p) else f"{number(difference)}, p = {p_value(p)}"


def _alike(pair: Comparison) -> Answer | None:
    """Say whether the models are alike up to the margin that was given."""
    if pair.alike is None:
        return None
    margin, difference, confidence, _ = pair.alike
    a, b, of = pair.a.name, pair.b.name, _measured(pair)
    if math.isnan(difference.low):
        why = (margin.measure != "error" and pair.no_delta) or "the design has no sampling error"
        return _open("alike", f"Whether they are alike {of} cannot be said: {why}")
    limits = f"{number(difference)}, limits at {100 * confidence:.4g} %"
    evidence = f"{a} − {b}, above 0 if {a} is better: {limits}"
    if pair.alike.equivalent:
        text = f"{a} and {b} differ by less than {margin.text} {of}"
    elif pair.alike.a_not_worse or pair.alike.b_not_worse:
        one, other = (a, b) if pair.alike.a_not_worse else (b, a)
        text = f"{one} is at most {margin.text} worse than {other} {of}"
    else:
        text = f"That {a} and {b} differ by less than {margin.text} {of} is not shown{_would_show(pair)}"
        return _open("alike", text, evidence)
    return Answer(question="alike", settled=True, sentence=text, evidence=evidence)


def _measured(pair: Comparison) -> str:
    """Write in what models are alike; a median of differences is no difference of medians."""
    assert pair.alike is not None
    if pair.paired and pair.alike.margin.measure == "error":
        return "at the median shared point"
    return f"in {pair.alike.margin.label}"


def _would_show(pair: Comparison) -> str:
    """Write how many trials would show that models are alike, where there are enough to say."""
    assert pair.alike is not None
    needed = pair.alike.needed
    if min(pair.n_a, pair.n_b) < LEAST_TO_PLAN or not math.isfinite(needed):
        return ""
    what = "shared points" if pair.paired else "trials of each"
    return f". If they do not differ, about {math.ceil(needed):,} {what} would show it in 4 of 5 studies"


def _enough(pair: Comparison) -> Answer:
    """Say whether more trials would help."""
    if pair.no_test:
        return _open("enough", "More trials of such designs would not help")
    if not pair.different:
        return _open("enough", _needed(pair, pair.needed, f"a difference in the {_errors(pair)}"))
    if pair.more_robust is None and not pair.no_delta:
        return _open(
            "enough", _needed(pair, pair.needed_robust, "a difference in robustness"), of_budget(pair)
        )
    text = "These trials are enough to say this"
    return Answer(question="enough", settled=True, sentence=text, evidence=of_budget(pair))


def of_budget(pair: Comparison) -> str:
    """Return how few trials of the better model match the best of the other; empty if it takes as many.

    Empty, too, where a trial is worse than everything: nothing is expected of the best of some such trials.
    """
    last = next((model for _, model in reversed(pair.better_at) if model is not None), None)
    if last is None or math.isnan(pair.mean_diff.value):
        return ""
    worse = _other(pair, last)
    target = float(worse.points["top1_err"].min())
    k = budget_for(last.points["top1_err"], target)
    if k is None or k >= worse.n:
        return ""
    return (
        f"{counted(k, 'random trial')} of {last.name} can be expected to match the best of {worse.n} of "
        f"{worse.name} ({_best(last.metric, target)})"
    )


def _best(metric: Metric, target: float) -> str:
    """Write the best result of a model, which another one is to reach."""
    return f"{target:.2f} %" if metric.is_top1_error else metric.level(target)


def _needed(pair: Comparison, needed: float, difference: str) -> str:
    what = "shared points" if pair.paired else "trials of each"
    n = min(pair.n_a, pair.n_b)
    if math.isnan(needed) or math.isinf(needed) or n < LEAST_TO_PLAN:
        return f"These trials do not show how many {what} it would take to see {difference}"
    if needed <= n:
        return f"At this n, chance decides whether {difference} of this size is seen"
    if needed > MANY:
        return f"Seeing {difference} as small as this would take more than {MANY:,} {what}"
    return f"Seeing {difference} of this size in 4 of 5 studies would take about {math.ceil(needed):,} {what}"


def _take_of_all(pairs: Sequence[Comparison], sweeps: Sequence[SweepTrials]) -> str:
    """Say which models no other is claimed to beat, for each budget at which that changes, and why."""
    budgets = sorted({k for pair in pairs for k, _ in pair.better_at})
    unbeaten = [(k, _unbeaten(pairs, sweeps, k)) for k in budgets]
    groups = itertools.groupby(unbeaten, key=lambda each: [sweep.sweep for sweep in each[1]])
    runs = [list(run) for _, run in groups]
    runs = [run for run in runs if 0 < len(run[0][1]) < len(sweeps)]
    if not runs:
        return f"None of the {len(sweeps)} models is shown to be the one to take."
    return f"Take {'; '.join(_unbeaten_part(pairs, sweeps, [k for k, _ in run], run[0][1]) for run in runs)}."


def _unbeaten(pairs: Sequence[Comparison], sweeps: Sequence[SweepTrials], k: int) -> list[SweepTrials]:
    beaten = set()
    for pair in pairs:
        winner = dict(pair.better_at).get(k)  # no claim reaches beyond the budgets that a pair allows
        if winner is not None:
            beaten.add(_other(pair, winner).sweep)
    return [sweep for sweep in sweeps if sweep.sweep not in beaten]


def _unbeaten_part(
    pairs: Sequence[Comparison],
    sweeps: Sequence[SweepTrials],
    budgets: Sequence[int],
    best: Sequence[SweepTrials],
) -> str:
    """Name the unbeaten models at some budgets, and the beaten ones; of a single one, how often it wins."""
    text = f"{_listed([sweep.name for sweep in best])} {_for(budgets)}"
    if len(best) > 1:
        beaten = [sweep.name for sweep in sweeps if sweep not in best]
        worse = f"{_listed(beaten, 'and')} {'is' if len(beaten) == 1 else 'are'} shown to be worse"
        return f"{text} ({worse}; the others are not told apart)"
    wins = [
        f"{_other(pair, best[0]).name} in {_wins(pair, 0, of_a=pair.a is best[0])}"
        for pair in pairs
        if best[0] in (pair.a, pair.b) and pair.budgets is not None
    ]
    return f"{text} (one of it beats one of {', one of '.join(wins)} of cases)"


def _robust_of_all(pairs: Sequence[Comparison], sweeps: Sequence[SweepTrials]) -> str:
    beaten = {_other(pair, pair.more_robust).sweep for pair in pairs if pair.more_robust is not None}
    tested = {sweep.sweep for pair in pairs if not pair.no_delta for sweep in (pair.a, pair.b)}
    best = [sweep.name for sweep in sweeps if sweep.sweep in tested - beaten]
    if not beaten or not best:
        return "None is shown to be more robust than another."
    rest = [sweep.name for sweep in sweeps if sweep.sweep not in tested]
    untested = f" Not tested: {_listed(rest, 'and')}." if rest else ""
    return f"The most robust: {_listed(best)}.{untested}"


def _listed(models: Sequence[str], word: str = "or") -> str:
    return models[0] if len(models) == 1 else f"{', '.join(models[:-1])} {word} {models[-1]}"


def _other(pair: Comparison, sweep: SweepTrials) -> SweepTrials:
    return pair.b if sweep is pair.a else pair.a


def _both(pair: Comparison) -> str:
    return f"{pair.a.name} and {pair.b.name}"


def _n(pair: Comparison) -> str:
    return str(pair.n_a) if pair.n_a == pair.n_b else f"{pair.n_a} and {pair.n_b}"
