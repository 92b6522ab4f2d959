"""Tables of trials with learning curves."""

import pandas as pd


def learned(table, epochs=4):
    """Learning curves that end at each trial's error; a diverged one stops after an epoch."""
    rows = [
        {"key": row.key, "epoch": epoch, "top1_err": row.top1_err + epochs - epoch}
        for row in table[table["top1_err"].notna()].itertuples()
        for epoch in range(1, 2 if row.state == "diverged" else epochs + 1)
    ]
    return pd.DataFrame(rows)
