"""Pairs of sweeps to compare."""

import numpy as np
import pandas as pd
from support.analysed import repeated, trials

from analysis import read_sweeps

NAMES = ("ViT_P", "ViT_C", "RegNetY", "Other")


def sweeps(*errors, design="iid", seeds=None, diverged=None, zeros=()):
    """One sweep for each list of errors; those of one seed share their points."""
    tables = []
    for place, (family, some) in enumerate(zip(NAMES, errors, strict=False)):
        table = trials(some, family=family, diverged=(diverged or [0] * 9)[place]).assign(design=design)
        if seeds is not None:
            points = table["role"] == "point"
            u = np.random.default_rng(seeds[place]).random((points.sum(), 2))
            table.loc[points, ["u_lr", "u_wd"]] = u
        if zeros:
            table = repeated(table, zeros[place])
        tables.append(table)
    return read_sweeps(pd.concat(tables, ignore_index=True))


def apart(*errors, **kwargs):
    return sweeps(*errors, seeds=range(1, 9), **kwargs)


RNG = np.random.default_rng(0)
A, B = RNG.normal(10, 2, 48).round(1), RNG.normal(11, 2, 48).round(1)
