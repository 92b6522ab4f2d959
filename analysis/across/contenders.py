"""Which models are compared across recipes: those that were swept on each of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analysis.errors import AnalysisError
from analysis.metric import Metric
from analysis.names import optimizer_name
from analysis.sweep_trials import SweepTrials

Kind = tuple[str, str, tuple[str, ...]]
"""A model, an optimizer, and what is swept beside learning rate and weight decay."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Contender:
    """A model with its optimizer, swept on every recipe."""

    name: str
    """The model, and its optimizer and hyperparameters where contenders differ in them."""
    sweeps: tuple[SweepTrials, ...]
    """Its sweep on each recipe, in the order of `Lineup.recipes`."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Lineup:
    """The contenders that share all recipes."""

    recipes: tuple[str, ...]
    """At least two."""
    contenders: tuple[Contender, ...]
    """At least one."""
    left_out: tuple[str, ...]
    """Sweeps of models that are missing on another recipe, by name."""

    @property
    def metric(self) -> Metric:
        """What all are judged by."""
        return self.contenders[0].sweeps[0].metric


def line_up(sweeps: Sequence[SweepTrials]) -> Lineup:
    """Find the models, each with its optimizer, that were swept on every recipe.

    Parameters
    ----------
    sweeps : sequence of SweepTrials
        From `analysis.read_sweeps`.

    Raises
    ------
    AnalysisError
        If there are fewer than two recipes, a model has two sweeps on one, or none was swept on all.
    """
    recipes = tuple(sorted({sweep.recipe for sweep in sweeps}))
    if len(recipes) < 2:
        raise AnalysisError(
            f"a comparison across recipes takes at least two, got {recipes[0] if recipes else 'none'}: sweep "
            "the same models on another `recipe`, or leave `across` out to compare the models."
        )
    _check_once(sweeps)
    found: dict[Kind, dict[str, SweepTrials]] = {}
    for sweep in sweeps:
        found.setdefault(_kind(sweep), {})[sweep.recipe] = sweep
    common = {kind: of for kind, of in found.items() if len(of) == len(recipes)}
    if not common:
        raise AnalysisError(_none_common(recipes, found))
    return Lineup(
        recipes=recipes,
        contenders=tuple(
            Contender(name=_name(kind, list(common)), sweeps=tuple(of[recipe] for recipe in recipes))
            for kind, of in common.items()
        ),
        left_out=tuple(s.name for kind, of in found.items() if kind not in common for s in of.values()),
    )


def _kind(sweep: SweepTrials) -> Kind:
    return sweep.model, sweep.optimizer, sweep.over


def _check_once(sweeps: Sequence[SweepTrials]) -> None:
    counts = Counter((_kind(sweep), sweep.recipe) for sweep in sweeps)
    twice = [s.sweep for s in sweeps if counts[_kind(s), s.recipe] > 1]
    if twice:
        raise AnalysisError(
            "a comparison across recipes takes one sweep of a model and optimizer on each, got several: "
            f"{', '.join(twice)}. Choose with `sweep` ID."
        )


def _none_common(recipes: Sequence[str], found: dict[Kind, dict[str, SweepTrials]]) -> str:
    has = {
        recipe: [_name(kind, list(found)) for kind, of in found.items() if recipe in of] for recipe in recipes
    }
    listed = "; ".join(f"{recipe} has {', '.join(names)}" for recipe, names in has.items())
    return (
        f"a comparison across recipes takes models that were swept on each of them, with one optimizer: "
        f"{listed}. Sweep one of them on all, or choose recipes that share one with `sweep` ID."
    )


def _name(kind: Kind, kinds: Sequence[Kind]) -> str:
    """Name a contender by what tells it from the others."""
    model, optimizer, over = kind
    shown = optimizer_name(optimizer)
    name = f"{model} with {shown}" if shown and len({each[1] for each in kinds}) > 1 else model
    return f"{name} over {', '.join(over) or 'lr and wd'}" if len({each[2] for each in kinds}) > 1 else name
