"""Pages of several sweeps."""

import numpy as np
import pandas as pd
from support.analysed import repeated, trials

ERRORS = np.random.default_rng(3).uniform(4.5, 30, 20)


def several():
    return pd.concat(
        [
            repeated(trials(ERRORS, diverged=2, missing=3), [5.5, 6.0]),
            repeated(trials(ERRORS + 3, family="ViT_P", optimum=8.0), [8.5, 8.1]),
            trials(ERRORS + 1, family="RegNetY", optimizer="sgd").assign(repeat=0),
        ],
        ignore_index=True,
    )
