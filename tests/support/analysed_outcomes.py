"""Trainings at the optimum, as a study has them."""

import numpy as np
import pandas as pd


def trainings(errors, *, family="ViT_C", panel="1MF", optimizer="adamw", schedule=50, state=None):
    """One row a seed; NaN has no result, 100 diverged."""
    states = ["planned" if np.isnan(e) else "diverged" if e == 100 else "finished" for e in errors]
    return pd.DataFrame(
        {"repeat": range(len(errors)), "state": states, "top1_err": np.array(errors, dtype=float)}
    ).assign(
        model=f"{family}_{panel}".lower(),
        family=family,
        panel=panel,
        optimizer=optimizer,
        schedule=schedule,
        epochs=schedule,
        wall_s=2.0 * schedule,
    )


def study(spec, **kwargs):
    """One sweep of trainings: {length: errors}."""
    return pd.concat([trainings(errors, schedule=length, **kwargs) for length, errors in spec.items()])
