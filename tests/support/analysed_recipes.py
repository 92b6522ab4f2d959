"""Tables of models on several recipes."""

import numpy as np
import pandas as pd
from support.analysed import repeated, trials

POINTS = pd.DataFrame({"lr": 10.0 ** -np.arange(1, 5), "weight_decay": [0.1, 0.2, 0.3, 0.4]})


def on_recipes(errors, *, optimum=(10.0, 10.0), **changes):
    """A sweep of each model on each recipe: {(family, recipe): errors of its points}."""
    tables = []
    for (family, recipe), some in errors.items():
        diverged = int(np.isnan(some).sum())
        table = trials([e for e in some if not np.isnan(e)], family=family, diverged=diverged)
        table = repeated(table, optimum[1:]) if optimum else table[table["role"] == "point"]
        table.loc[table["role"] == "optimum", "top1_err"] = optimum or np.nan
        tables.append(table.assign(recipe=recipe, sweep=f"{family}-{recipe}", **changes))
    return pd.concat(tables, ignore_index=True)
