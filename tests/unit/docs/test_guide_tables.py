"""Numbers and names that the guide repeats, against what they are taken from."""

import dataclasses
import re
import tomllib
from pathlib import Path

import pytest

import sweep
from sweep.user_trainer.contract import Config

GUIDE = Path(__file__).parents[3] / "docs" / "guide"
RECIPES = sorted((Path(sweep.__file__).parent / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_listed_with_its_numbers(path):
    recipe = tomllib.loads(path.read_text())
    row = re.search(rf"^\| `{path.stem}` \| (\d+) px.* \| (\d+) \| ([\d,]+) \|", _text("data"), re.MULTILINE)
    given = [int(number.replace(",", "")) for number in row.groups()]
    assert given == [recipe["max_px"], recipe["epochs"], recipe["batch"]]


def test_all_that_a_training_function_gets_is_listed():
    rows = re.findall(r"^\| (`config\..*?) \|", _text("custom-training"), re.MULTILINE)
    listed = {name for row in rows for name in re.findall(r"`config\.(\w+)`", row)}
    assert listed == {field.name for field in dataclasses.fields(Config)}


def _text(page):
    return (GUIDE / f"{page}.md").read_text()
