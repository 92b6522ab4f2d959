"""What `sweep models` prints."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from search_spaces import Found, Optimum


def model_rows(found: "Sequence[Found]" = ()) -> list[dict[str, Any]]:
    """Return every model of ours: cost at its training resolution, and its optima.

    What `sweep tune` has found stands before what is shipped. Other models with an optimum have no cost here.
    """
    import torch

    import search_spaces
    from sweep.models import registry
    from sweep.models.catalog import MODELS
    from sweep.models.complexity import measure

    rows = []
    for name, spec in MODELS.items():
        with torch.device("meta"):
            cost = measure(registry.create(name, num_classes=spec.classes, px=spec.train_px), spec.train_px)
        shipped = {key[1:]: o for key, o in search_spaces.optima().items() if key[0] == name}
        rows.append(
            {
                "model": name,
                "family": spec.family,
                "size": spec.size,
                **cost._asdict(),
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


def models_table(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the models."""
    table = Table(
        "model",
        "family",
        "size",
        "multiply-adds",
        "params",
        "activations",
        "px (train/test)",
        "optima known for",
    )
    for row in (row for row in rows if "flops" in row):
        costs = [_si(row[name]) for name in ("flops", "params", "activations")]
        px = f"{row['train_px']}/{row['test_px']}"
        table.add_row(row["model"], row["family"], row["size"], *costs, px, ", ".join(row["optima"]) or "–")
    console.print(table)


def found_table(found: "Sequence[Found]", path: object, console: Console) -> None:
    """Print the optima that `sweep tune` has found here."""
    if not found:
        return
    table = Table(
        Column("model", overflow="fold"),
        "optimizer",
        "recipe",
        "lr",
        "weight decay",
        "error on minival %",
        "seeds",
        "trials",
        "epochs",
        "data",
        "found",
    )
    for row in found:
        error = f"{row.top1_err:.2f} ± {row.standard_error:.2f}"
        numbers = f"{row.lr:.3g}", f"{row.weight_decay:.3g}", error
        counts = map(str, (row.seeds, row.trials, row.epochs))
        table.add_row(row.model, row.optimizer, row.recipe, *numbers, *counts, row.data, row.found)
    console.print(f"Found here by `sweep tune` ({path}), and taken before those above:", markup=False)
    console.print(table)


def _si(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3f} {unit}"
    return str(value)
