"""How a sweep remembers in which rounds it grows."""

import pytest
from support.plans import a_plan
from support.workspaces import create

from sweep.errors import DamagedError, InputError
from sweep.workspace.sweep import GROWTH, Growth
from sweep.workspace.trial_table import COLUMN_NAMES, trial_table
from sweep.workspace.workspace import Workspace

BAD = ("", "{", "[8, 32]", '{"first_n": 8}', '{"first_n": 8, "max_n": "x"}', "\xff")


@pytest.fixture
def made(tmp_path):
    return create(Workspace(tmp_path), a_plan(n=8))


def test_a_sweep_that_does_not_grow_has_the_same_table_and_files_as_ever(made):
    assert made.growth is None
    assert tuple(trial_table([made])) == COLUMN_NAMES
    assert not (made.folder / GROWTH).exists()


def test_a_sweep_keeps_how_it_grows_and_its_table_says_it(made, tmp_path):
    made.check_growth(Growth(8, 32))
    made.write_growth(Growth(8, 32))
    again = Workspace(tmp_path).open(made.name)
    assert again.growth == Growth(first_n=8, max_n=32)
    table = trial_table([again])
    assert tuple(table) == (*COLUMN_NAMES, "first_n", "max_n")
    assert set(zip(table["first_n"], table["max_n"], strict=True)) == {(8, 32)}
    other = create(Workspace(tmp_path), a_plan(n=8, seed=1))
    assert trial_table([again, other])["max_n"].isna().sum() == len(other.trials)


def test_other_rounds_are_refused_as_they_would_look_more_often(made):
    made.write_growth(Growth(8, 32))
    made.check_growth(Growth(8, 32))
    with pytest.raises(InputError, match=r"from 8 to 32 points.*got 8 to 64: give `n` 8 and `max_n` 32"):
        made.check_growth(Growth(8, 64))
    made.write_growth(Growth(8, 64))
    assert made.growth == Growth(8, 32)


@pytest.mark.parametrize("text", BAD)
def test_a_damaged_file_is_named(made, text):
    (made.folder / GROWTH).write_text(text)
    with pytest.raises(DamagedError, match=r"rounds\.json is damaged"):
        made.growth  # noqa: B018
