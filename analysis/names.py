"""Names sweeps by what tells them apart: their model, and optimizer, recipe or name where those differ."""

from collections.abc import Iterable
from typing import NamedTuple

UNNAMED = ("unknown", "other models", "")
"""Panels, optimizers and recipes that stand for none: no text has them."""
_OPTIMIZERS = {"adamw": "AdamW", "sgd": "SGD", "nadamw": "NAdamW", "lion": "Lion", "muon": "Muon"}
_OPTIMIZERS |= {"adafactor": "Adafactor"}


class Identity(NamedTuple):
    """What a sweep is a sweep of."""

    sweep: str
    model: str
    optimizer: str
    recipe: str


class Names(NamedTuple):
    """A sweep's names among others."""

    name: str
    """Such as ``vit_c_1mf``, or ``vit_c_1mf with SGD on digits`` beside sweeps that differ in all of it."""
    setting: str
    """The name's end: what is neither model nor optimizer, such as `` on digits``. Empty if those suffice."""


def known(*words: str) -> list[str]:
    """Return those words that name something."""
    return [word for word in words if word not in UNNAMED]


def optimizer_name(optimizer: str) -> str:
    """Return an optimizer's name as figures and tables print it; empty if it is not known."""
    return "" if optimizer in UNNAMED else _OPTIMIZERS.get(optimizer, optimizer)


def of_stage(model: str, panel: str, optimizer: str) -> str:
    """Return a model's name with its panel and optimizer in brackets, as far as they are known."""
    stage = ", ".join(known(panel, optimizer))
    return f"{model} ({stage})" if stage else model


def tell_apart(sweeps: Iterable[Identity]) -> dict[str, Names]:
    """Name sweeps so that no two have the same name; what is the same for all is left out.

    Returns
    -------
    dict of str to Names
        By `Identity.sweep`.

    Examples
    --------
    >>> tell_apart([Identity("a", "vit", "sgd", "digits"), Identity("b", "vit", "adamw", "digits")])["a"].name
    'vit with SGD'
    """
    sweeps = list(sweeps)
    optimizers, recipes = {s.optimizer for s in sweeps}, {s.recipe for s in sweeps}
    kinds = [each[1:] for each in sweeps]
    names = {}
    for each in sweeps:
        name = optimizer_name(each.optimizer)
        optimizer = f" with {name}" if len(optimizers) > 1 and name else ""
        setting = f" on {each.recipe}" if len(recipes) > 1 and known(each.recipe) else ""
        setting += f" ({each.sweep})" if kinds.count(each[1:]) > 1 else ""
        names[each.sweep] = Names(each.model + optimizer + setting, setting)
    return names
