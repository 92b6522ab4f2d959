"""The models that there are: what they cost, and their optima."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from search_spaces import Found, Optimum


def model_rows(found: "Sequence[Found]" = ()) -> list[dict[str, Any]]:
    """Return every model of ours: cost at its training resolution, and its optima.

    What `sweep tune` has found stands before what is shipped. Other models with an optimum have no cost here.
    """
    import search_spaces
    from sweep.models.catalog import MODELS
    from sweep.models.complexity import measure_catalogued

    rows = []
    for name, spec in MODELS.items():
        shipped = {key[1:]: o for key, o in search_spaces.optima().items() if key[0] == name}
        rows.append(
            {
                "model": name,
                "family": spec.family,
                "size": spec.size,
                **measure_catalogued(name)._asdict(),
                "train_px": spec.train_px,
                "test_px": spec.test_px,
                "optima": _optima(shipped | _found_optima(name, found)),
            }
        )
    for name in dict.fromkeys(row.model for row in found if row.model not in MODELS):
        rows.append({"model": name, "optima": _optima(_found_optima(name, found))})
    return rows


def _found_optima(model: str, found: "Sequence[Found]") -> "dict[tuple[str, str], Optimum]":
    return {(row.optimizer, row.recipe): row.optimum for row in found if row.model == model}


def _optima(known: "Mapping[tuple[str, str], Optimum]") -> dict[str, dict[str, Any]]:
    return {
        f"{optimizer}/{recipe}": {
            "lr": o.lr,
            "weight_decay": o.weight_decay,
            "batch": o.batch,
            "source": o.source,
        }
        for (optimizer, recipe), o in known.items()
    }
