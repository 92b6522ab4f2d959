"""What `sweep models` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Column, Table

if TYPE_CHECKING:
    from search_spaces import Found


def print_models(rows: Sequence[dict[str, Any]], console: Console) -> None:
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


def print_found(found: "Sequence[Found]", path: object, console: Console) -> None:
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
