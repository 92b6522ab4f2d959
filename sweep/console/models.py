"""What `sweep models` prints."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from sweep.console.tables import new_table

if TYPE_CHECKING:
    from search_spaces import Found


def print_models(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print the models."""
    table = new_table("flops", "params", "acts", "px", names=("model", "optima known for"))
    for row in (row for row in rows if "flops" in row):
        costs = [_si(row[name]) for name in ("flops", "params", "activations")]
        px = f"{row['train_px']}/{row['test_px']}"
        table.add_row(row["model"], ", ".join(row["optima"]) or "–", *costs, px)
    console.print(table)
    console.print("flops: multiply-adds of one image; acts: activations; px: of training and test images.")


def print_found(found: "Sequence[Found]", path: object, console: Console) -> None:
    """Print the optima that `sweep tune` has found here."""
    if not found:
        return
    result = "minival" if any(row.metric for row in found) else "minival %"
    table = new_table("lr", "wd", result, "seeds", "epochs", "found", names=("model", "for"))
    for row in found:
        error = row.result if row.metric else f"{row.top1_err:.2f} ± {row.standard_error:.2f}"
        numbers = f"{row.lr:.3g}", f"{row.weight_decay:.3g}", error
        way = f"{row.optimizer}/{row.recipe}"
        table.add_row(row.model, way, *numbers, str(row.seeds), str(row.epochs), row.found)
    console.print(f"Found here by `sweep tune` ({path}), and taken before those above:", markup=False)
    console.print(table)


def _si(value: float) -> str:
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return str(value)
