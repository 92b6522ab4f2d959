import json

import numpy as np
import pandas as pd
import pytest

N = 240


@pytest.fixture
def search(tmp_path):
    """Write the random search of another tool, in which only lr and momentum matter."""
    rng = np.random.default_rng(0)
    u, momentum = rng.random(N), rng.random(N)
    error = np.where(u > 0.8, np.nan, 10 + 20 * u + 50 * momentum + rng.normal(0, 2, N))
    columns = {"lr": 10 ** (4 * u - 4), "wd": 10 ** -rng.random(N), "momentum": momentum, "val_err": error}
    pd.DataFrame(columns | {"batch_size": 64}).to_csv(tmp_path / "s.csv", index=False)
    return ("--from", "s.csv,model=m", "--nan", "diverged", "--set", "design=iid")


def test_the_first_line_says_which_hyperparameter_matters(search, sweep):
    code, out, err = sweep("knobs", *search)
    assert code == 0
    first = out.splitlines()[0]
    assert first.startswith("m: lr matters most: by itself it explains ")
    assert "momentum" in first
    assert "No effect is shown of weight_decay." in first
    assert "batch_size 64" in err


def test_its_numbers_are_printed_as_json_and_written_as_a_table(search, sweep, tmp_path):
    code, out, _ = sweep("knobs", *search, "--json", "--out", "k.csv")
    assert code == 0
    rows = json.loads(out)
    table = pd.read_csv(tmp_path / "k.csv")
    assert [row["hyperparameter"] for row in rows] == ["lr", "momentum", "weight_decay"]
    assert [row["share"] for row in rows] == pytest.approx(table["share"].tolist())
    assert rows[1]["cliff_above"] is None or rows[1]["cliff_above"] > 0  # JSON knows no infinity


@pytest.mark.parametrize("suffix", ["pdf", "png", "svg"])
def test_the_figure_is_drawn_in_the_format_of_its_suffix(suffix, search, sweep, tmp_path):
    code, out, _ = sweep("knobs", *search, "--out", f"k.{suffix}")
    assert code == 0
    assert out.rstrip().endswith(f"Written to k.{suffix}")
    assert (tmp_path / f"k.{suffix}").stat().st_size > 1000


def test_an_effect_of_trials_that_were_not_drawn_at_random_has_no_limits(search, sweep):
    code, out, err = sweep("knobs", *search[:-2])
    assert code == 0
    assert "lr explains most" in out
    assert "--set design=iid" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--cliff", "0"), "--cliff must lie between 0 and 100 points, got 0"),
        (("--confidence", "1"), "confidence"),
        (("--out", "k.docx"), "a figure is written as .pdf, .svg, .png, got .docx"),
        (("--over", "momentun"), "Did you mean momentum?"),
    ],
)
def test_wrong_options_are_one_message(words, message, search, sweep):
    code, _, err = sweep("knobs", *search, *words)
    assert code == 2
    assert message in " ".join(err.split())


def test_few_trials_are_refused_with_the_number_that_it_takes(search, sweep, tmp_path):
    pd.read_csv(tmp_path / "s.csv").head(40).to_csv(tmp_path / "s.csv", index=False)
    code, _, err = sweep("knobs", *search)
    assert code == 2
    assert "has 40 trials with a result" in " ".join(err.split())
    assert "at least 72" in " ".join(err.split())
