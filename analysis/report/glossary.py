"""The glossary of a report, with the sources of its statistics."""

from analysis.metric import Metric
from analysis.report.extras import Contents
from analysis.report.html import Html, joined, tag, terms
from analysis.report.wording import Wording

_PAPERS = {
    "Radosavovic et al. 2019": "https://arxiv.org/abs/1905.13214",
    "Xiao et al. 2021": "https://arxiv.org/abs/2106.14881",
    "Dodge et al. 2019": "https://arxiv.org/abs/1909.03004",
    "Tang et al. 2020": "https://arxiv.org/abs/2004.13861",
    "Lourie, Cho and He 2023": "https://arxiv.org/abs/2311.09480",
}


Entry = tuple[str, str, tuple[str, ...]]


def _words(words: Wording) -> list[Entry]:
    metric, name = words.metric, words.error
    most, result = metric.amount(metric.area_to), "an error" if metric.is_top1_error else "a result"
    return [
        ("sweep", "The trials of one model and optimizer under one recipe, around the model's optimum.", ()),
        ("optimum", "The best known learning rate and weight decay of the model: the centre of the box.", ()),
        ("box", "The ranges of lr and wd that were sampled, on a logarithmic scale.", ()),
        (name, _metric(metric), ()),
        ("Δ", _delta(metric), ("Xiao et al. 2021",)),
        (
            "repeat",
            f"A chosen point trained again, with another seed. It shows how much of {result} is luck. No "
            "EDF counts it.",
            (),
        ),
        (
            "EDF",
            f"Error distribution function: the share of trials with {words.at_most} or Δ. Its denominator is "
            "all finished and diverged points.",
            ("Radosavovic et al. 2019",),
        ),
        (
            "area",
            f"Under the EDF of Δ from 0 to {most}, divided by {metric.area_to:g}: 1 if every trial is as "
            f"good as the optimum, 0 if none comes within {most}.",
            (),
        ),
        (
            "interval",
            "The range of true values that is consistent with the sampled points, at 95 % confidence: "
            "Clopper–Pearson for shares, order statistics for quantiles, Student's t with one imagined worst "
            "value for means; for Sobol' designs, the spread between independent scrambles. A grid has none.",
            (),
        ),
        (
            "tuning curve",
            _tuning(words),
            ("Dodge et al. 2019", "Tang et al. 2020", "Lourie, Cho and He 2023"),
        ),
        (
            "p and q",
            "p: the probability of so large a difference by chance if there is none. In pairs at the same "
            "relative points: Wilcoxon's signed-rank test; otherwise Mann–Whitney's, or Welch's between "
            "scrambles. q: p corrected for the number of pairs (Benjamini and Hochberg 1995); models with a "
            "q of at most 0.05 are called different.",
            (),
        ),
        (
            "variance shares",
            "From a polynomial of degree 3 in log lr and log wd (Sobol' indices by polynomial chaos, Sudret "
            "2008).",
            (),
        ),
        ("diverged", "The loss became infinite or NaN. This is a result, not a failure of the machine.", ()),
        ("failed, planned, running", "No result (yet). No number counts them; the sweep is incomplete.", ()),
    ]


def _metric(metric: Metric) -> str:
    if metric.is_top1_error:
        return "Top-1 error after the last epoch, in percent. A diverged trial counts as 100 %."
    unit = f", in {metric.unit}" if metric.unit else ""
    better = "Higher" if metric.higher_better else "Lower"
    return (
        f"What the trials are judged by, after the last epoch{unit}. {better} is better. A diverged trial "
        f"counts as {metric.diverged}."
    )


def _delta(metric: Metric) -> str:
    seeds = "(the mean, where it was trained with several seeds)"
    unit = f", in {metric.delta_unit}" if metric.delta_unit else ""
    if metric.higher_better:
        return f"The {metric.name} at the model's optimum {seeds} minus that of a trial{unit}."
    error = "error" if metric.is_top1_error else metric.name
    return f"The {error} of a trial minus the {error} at the model's optimum {seeds}{unit}."


def _tuning(words: Wording) -> str:
    if words.is_bounded:
        return f"The {words.error} that the best of k random points is expected to have."
    return f"The median {words.error} of the best of k random points: half of all searches reach it."


def glossary(contents: Contents) -> Html:
    """Return the glossary as a description list."""
    entries = _words(contents.wording)
    return terms((name, joined([text, *map(_source, sources)])) for name, text, sources in entries)


def _source(name: str) -> Html:
    return joined([" ", tag("a", name, href=_PAPERS[name]), "."])
