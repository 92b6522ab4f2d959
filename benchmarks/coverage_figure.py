"""The figure of the simulations."""

from pathlib import Path
from typing import cast

import matplotlib
import numpy as np
import pandas as pd

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes


def figure(table: pd.DataFrame, path: Path) -> None:
    """Draw coverage of bands and intervals, type-I errors and power."""
    figure, axes = plt.subplots(2, 2, figsize=(12, 10), layout="constrained")
    _bands(axes[0, 0], table[table["part"] == "bands"])
    _dots(
        axes[0, 1],
        table[table["part"].isin(["summaries", "pairs"])],
        "95 % intervals: how often they hold the truth",
        0.95,
    )
    tests = table[table["promise"] == "rejects"]
    _dots(axes[1, 0], tests, "tests at 5 %: how often they reject what is true", 0.05)
    axes[1, 0].axvspan(0, 0.055, color="C2", alpha=0.12)
    _power(axes[1, 1], table[table["promise"] == "power"])
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _bands(axes: Axes, rows: pd.DataFrame) -> None:
    """One dot a case, by kind and n; filled where errors are continuous."""
    groups = [(key, group) for key, group in rows.groupby(["name", "n"], sort=False)]
    for place, (_, group) in enumerate(groups):
        for rounded, face in ((True, "none"), (False, "C0")):
            some = group[group["rounded"] == rounded]
            axes.scatter(some["rate"], np.full(len(some), place), 24, facecolors=face, edgecolors="C0")
    labels = [f"{name}, n = {n}" for (name, n), _ in groups]
    _decorate(axes, labels, "95 % bands: how often they hold the EDF (rings: errors of 500 images)", 0.95)
    axes.axvspan(0.93, 0.99, color="C2", alpha=0.12)


def _dots(axes: Axes, rows: pd.DataFrame, title: str, level: float) -> None:
    groups = [(key, group) for key, group in rows.groupby(["name", "design"], sort=False)]
    for place, (_, group) in enumerate(groups):
        shades = np.log2(group["n"])
        dots = axes.scatter(
            group["rate"], np.full(len(group), place), 18, c=shades, cmap="viridis", vmin=2, vmax=8
        )
    if groups:
        bar = axes.figure.colorbar(dots, ax=axes, ticks=[2, 4, 6, 8], shrink=0.5, pad=0.01)
        bar.ax.set_yticklabels(["4", "16", "64", "256"], fontsize=7)
        bar.ax.set_title("n", fontsize=7)
    _decorate(axes, [f"{name} ({design})" for (name, design), _ in groups], title, level)


def _decorate(axes: Axes, labels: list[str], title: str, level: float) -> None:
    axes.axvline(level, color="grey", linewidth=1)
    axes.set_xlabel("share of simulations")
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_title(title, fontsize=10, loc="left")
    axes.invert_yaxis()


def _power(axes: Axes, rows: pd.DataFrame) -> None:
    for key, group in rows.groupby(["name", "surface", "at"]):
        name, surface, worse = cast(tuple[str, str, float], key)
        style = "-" if "paired" in name else "--"
        colour = {("smooth", 0.1): "C0", ("smooth", 0.3): "C1", ("cliff", 0.1): "C2", ("cliff", 0.3): "C3"}
        label = f"{name}: {surface}, {worse:.0%} steeper"
        axes.plot(
            group["n"], group["rate"], style + "o", color=colour.get((surface, worse)), label=label, ms=3
        )
    axes.set_xscale("log", base=2)
    axes.set(xlabel="n, trials of each model", ylabel="power at 5 %", ylim=(0, 1.02))
    axes.set_title("power, at shared points (solid) and at others (dashed)", fontsize=10, loc="left")
    if len(rows):
        axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
