"""Tables of trials to analyse."""

import numpy as np
import pandas as pd

from analysis.metric import metric_cells

OPTIMA = {"adamw": (2e-3, 0.2), "sgd": (1.9, 1.3e-5)}


def trials(errors, *, family="ViT_C", panel="1MF", optimizer="adamw", optimum=5.0, diverged=0, missing=0):
    """One sweep's rows: finished points with these errors, then diverged ones, then ones without a result."""
    states = ["finished"] * len(errors) + ["diverged"] * diverged
    states += [("planned", "running", "failed")[i % 3] for i in range(missing)]
    top1 = np.concatenate([errors, np.full(diverged, 100.0), np.full(missing, np.nan)])
    u = np.random.default_rng(0).random((2, len(states)))
    model = f"{family}_{panel}".lower()
    lr, wd = OPTIMA[optimizer]
    points = pd.DataFrame(
        {"role": "point", "index": range(len(states)), "u_lr": u[0], "u_wd": u[1]}
        | {"lr": lr / 8 * 32 ** u[0], "weight_decay": wd / 8 * 32 ** u[1], "state": states, "top1_err": top1}
    )
    best = {"role": "optimum", "index": -1, "u_lr": np.nan, "u_wd": np.nan, "lr": lr, "weight_decay": wd}
    centre = pd.DataFrame([best | {"state": "finished", "top1_err": optimum}])
    rows = pd.concat([points, centre], ignore_index=True)
    return rows.assign(
        sweep=f"{model}-{optimizer}-0",
        key=[f"{model}{i}" for i in range(len(rows))],
        model=model,
        optimizer=optimizer,
        recipe="digits",
        design="iid",
        seed=0,
        best_top1_err=rows["top1_err"],
        epochs=20,
        wall_s=6.0,
        family=family,
        panel=panel,
    )


def repeated(table, errors, **changes):
    """Add a trial at the optimum for each error, with the next seed; NaN has no result, 100 diverged."""
    centre = table[table["role"] == "optimum"].iloc[0].to_dict()
    states = ["planned" if np.isnan(e) else "diverged" if e == 100 else "finished" for e in errors]
    rows = [
        centre | {"key": f"{centre['key']}-{r + 1}", "top1_err": e, "state": s, "repeat": r + 1} | changes
        for r, (e, s) in enumerate(zip(errors, states, strict=True))
    ]
    return pd.concat([table.assign(repeat=0), pd.DataFrame(rows)], ignore_index=True)


def by_metric(table, metric, values=lambda errors: errors):
    """The trials with another metric, whose values are a function of their errors."""
    value = values(table["top1_err"]).where(table["state"] == "finished")
    return table.assign(**metric_cells(metric), value=value, top1_err=np.nan, best_top1_err=np.nan)
