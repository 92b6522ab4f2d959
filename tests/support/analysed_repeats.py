"""Tables with repeated points."""

import numpy as np
import pandas as pd


def with_repeats(table, index, errors):
    """Add a trial of a point for each error, with the next seed; NaN has no result, 100 diverged."""
    point = table[(table["role"] == "point") & (table["index"] == index)].iloc[0].to_dict()
    states = ["failed" if np.isnan(e) else "diverged" if e == 100 else "finished" for e in errors]
    rows = [
        point | {"role": "repeat", "repeat": k + 1, "top1_err": e, "state": state}
        for k, (e, state) in enumerate(zip(errors, states, strict=True))
    ]
    if "repeat" not in table:
        table = table.assign(repeat=0)
    return pd.concat([table, pd.DataFrame(rows)], ignore_index=True)
