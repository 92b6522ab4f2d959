"""What docs/results says of its trials, recomputed from them by pandas alone."""

import re
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[1] / "docs" / "results" / "digits"
MODELS = {"ViT_P": "vit_p_1mf", "ViT_C": "vit_c_1mf", "RegNetY": "regnety_1mf"}
ROW = re.compile(
    r"^\| (AdamW|SGD), (\w+) \| ([\d.]+) ± ([\d.]+) % \| ([\d.]+) .*?\| ([\d.]+) .*?\| ([\d.]+) ",
    re.MULTILINE,
)
ROWS = ROW.findall((FOLDER / "README.md").read_text())


def test_every_model_has_a_row_with_each_optimizer():
    assert {row[:2] for row in ROWS} == {(o, m) for o in ("AdamW", "SGD") for m in MODELS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_its_numbers_are_those_of_the_trials(row):
    optimizer, model, *told = row
    trials = pd.read_csv(FOLDER / "trials.csv")
    trials = trials[(trials.optimizer == optimizer.lower()) & (trials.model == MODELS[model])]
    assert (trials.state == "finished").all()
    optimum, points = (trials.top1_err[trials.role == role] for role in ("optimum", "point"))
    assert (len(optimum), len(points)) == (5, 64)
    delta = points - optimum.mean()
    area = (1 - delta.clip(0, 8) / 8).mean()
    found = [(delta <= x + 1e-9).mean() for x in (1, 4)]
    assert [float(number) for number in told] == pytest.approx(
        [optimum.mean(), optimum.std(), *found, area], abs=0.051
    )
    assert [float(number) for number in told[2:]] == pytest.approx([*found, area], abs=0.0051)
