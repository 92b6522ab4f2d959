"""The glossary of a report, with the sources of its statistics."""

from analysis.report.html import Html, joined, tag, terms

_PAPERS = {
    "Radosavovic et al. 2019": "https://arxiv.org/abs/1905.13214",
    "Xiao et al. 2021": "https://arxiv.org/abs/2106.14881",
    "Dodge et al. 2019": "https://arxiv.org/abs/1909.03004",
    "Tang et al. 2020": "https://arxiv.org/abs/2004.13861",
    "Lourie, Cho and He 2023": "https://arxiv.org/abs/2311.09480",
}
_WORDS: list[tuple[str, str, tuple[str, ...]]] = [
    ("sweep", "The trials of one model and optimizer under one recipe, around the model's optimum.", ()),
    ("optimum", "The best known learning rate and weight decay of the model: the centre of the box.", ()),
    ("box", "The ranges of lr and wd that were sampled, on a logarithmic scale.", ()),
    ("error", "Top-1 error after the last epoch, in percent. A diverged trial counts as 100 %.", ()),
    (
        "Δ",
        "The error of a trial minus the error at the model's optimum (the mean, where it was trained with "
        "several seeds), in points.",
        ("Xiao et al. 2021",),
    ),
    (
        "repeat",
        "A chosen point trained again, with another seed. It shows how much of an error is luck. No EDF "
        "counts it.",
        (),
    ),
    (
        "EDF",
        "Error distribution function: the share of trials with at most this error or Δ. Its denominator is "
        "all finished and diverged points.",
        ("Radosavovic et al. 2019",),
    ),
    (
        "area",
        "Under the EDF of Δ from 0 to 8 points, divided by 8: 1 if every trial is as good as the optimum, 0 "
        "if none comes within 8 points.",
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
        "The error that the best of k random points is expected to have.",
        ("Dodge et al. 2019", "Tang et al. 2020", "Lourie, Cho and He 2023"),
    ),
    (
        "p and q",
        "p: the probability of so large a difference by chance if there is none. In pairs at the same "
        "relative points: Wilcoxon's signed-rank test; otherwise Mann–Whitney's, or Welch's between "
        "scrambles. q: p corrected for the number of pairs (Benjamini and Hochberg 1995); models with a q of "
        "at most 0.05 are called different.",
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


def glossary() -> Html:
    """Return the glossary as a description list."""
    return terms((name, joined([text, *map(_source, sources)])) for name, text, sources in _WORDS)


def _source(name: str) -> Html:
    return joined([" ", tag("a", name, href=_PAPERS[name]), "."])
