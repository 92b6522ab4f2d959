import json
from pathlib import Path

import pandas as pd
import pytest

PUBLISHED = Path(__file__).parents[3] / "docs" / "results"
BOTH = [word for r in ("digits", "fashion_mnist") for word in ("--from", str(PUBLISHED / r / "trials.csv"))]
ACROSS = ("compare", *BOTH, "--optimizer", "adamw", "--across", "recipe")


def test_published_sweeps_are_compared_across_their_recipes(sweep):
    code, out, _ = sweep(*ACROSS)
    assert code == 0
    first = out.splitlines()[0]
    assert first.startswith("By the median best of 5 random trials, regnety_1mf is nearest to the best model")
    assert "No learning rate and weight decay was tried on all 2 recipes" in out
    assert "Limits cover the chance" in " ".join(out.split())
    assert out.rstrip().endswith("Next: sweep compare, pair by pair")


def test_its_numbers_are_printed_as_json_and_written_as_a_table(sweep, tmp_path):
    code, out, _ = sweep(*ACROSS, "--json", "--out", "a.csv")
    assert code == 0
    found, table = json.loads(out), pd.read_csv(tmp_path / "a.csv")
    assert found["recipes"] == ["digits", "fashion_mnist"]
    assert [row["loss"] for row in found["table"]] == pytest.approx(table["loss"].tolist())
    assert len(table) == 6


def test_it_is_drawn_by_the_suffix_of_the_file(sweep, tmp_path):
    code, out, _ = sweep(*ACROSS, "--out", "a.pdf")
    assert code == 0
    assert "Written to a.pdf" in out
    assert (tmp_path / "a.pdf").stat().st_size > 1000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--across", "model"), "--across takes recipe, got 'model'"),
        (("--across", "recipe", "--margin", "0.1"), "leave them out with --across"),
        (("--across", "recipe", "--test", "paired"), "leave them out with --across"),
        (("--across", "recipe", "--recipe", "digits"), "takes at least two, got digits"),
        (("--across", "recipe", "--confidence", "2"), "confidence"),
        (("--across", "recipe", "--out", "a.docx"), "a figure is written as .pdf, .svg, .png, got .docx"),
    ],
)
def test_wrong_options_are_one_message(words, message, sweep):
    code, out, err = sweep("compare", *BOTH, *words)
    assert code == 2
    assert out == ""
    assert message in " ".join(err.split())


def test_models_of_which_none_is_on_all_recipes_are_one_message(sweep, tmp_path):
    table = pd.concat(pd.read_csv(path) for path in BOTH[1::2])
    on = {"digits": "vit_c_1mf", "fashion_mnist": "vit_p_1mf"}
    table[table["model"] == table["recipe"].map(on)].to_csv(tmp_path / "t.csv", index=False)
    code, _, err = sweep("compare", "--from", "t.csv", "--across", "recipe")
    assert code == 2
    assert "digits has vit_c_1mf with AdamW, vit_c_1mf with SGD; fashion_mnist has" in " ".join(err.split())


def test_trials_of_two_metrics_are_one_message(sweep, tmp_path):
    table = pd.concat(pd.read_csv(path) for path in BOTH[1::2])
    other = {"metric": "loss", "unit": "", "better": "lower", "low": None, "high": None, "value": 1.0}
    rows = table["recipe"] == "digits"
    pd.concat([table[~rows], table[rows].assign(**other)]).to_csv(tmp_path / "t.csv", index=False)
    code, _, err = sweep("compare", "--from", "t.csv", "--across", "recipe")
    assert code == 2
    assert "trials are compared by one metric" in " ".join(err.split())


def test_pairs_say_once_how_much_of_the_noise_the_test_images_can_explain(sweep):
    code, out, _ = sweep("compare", *BOTH[2:], "--optimizer", "adamw")
    assert code == 0
    said = " ".join(out.split())
    assert said.count("having only 10,000 test images may explain, at most: 56 % of vit_p_1mf, 29 %") == 1
