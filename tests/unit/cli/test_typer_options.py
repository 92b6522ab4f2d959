"""Option groups, the flags that are made of them, and the words that a request is written as."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import get_args, get_origin

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from sweep.cli import main  # noqa: F401 - its commands say which flags there are
from sweep.cli.typer_options import takes_options, with_flags
from sweep.core.resources import Resources
from sweep.planning.command_options import (
    PointOptions,
    Request,
    RunOutputOptions,
    StudyOptions,
    StudyOutputOptions,
    TrainingOptions,
    TuneOutputOptions,
    TuneRequest,
)
from sweep.results.selection import TrialOptions
from sweep.utils.option_groups import cli_args, flag_of, option, options_of

GROUPS = [
    Request,
    TuneRequest,
    Resources,
    RunOutputOptions,
    TuneOutputOptions,
    StudyOptions,
    PointOptions,
    StudyOutputOptions,
    TrialOptions,
]

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
VALUES = {
    str: TEXTS,
    int: st.integers(-(10**6), 10**6),
    float: st.floats(0.01, 1e6, allow_nan=False),
    bool: st.booleans(),
    Path: TEXTS.map(Path),
}


def values_of(field: dataclasses.Field):
    """Draw values of a field's type; where the default is None, it is among them."""
    if get_origin(field.type) is Sequence:
        return st.lists(VALUES[get_args(field.type)[0]], max_size=3).map(tuple)
    kind = next((each for each in get_args(field.type) if each is not type(None)), field.type)
    return VALUES[kind] if field.default is not None else st.none() | VALUES[kind]


def instances(group: type):
    fields = {f.name: values_of(f) for f in dataclasses.fields(group) if f.name in options_of(group)}
    if group is Resources:
        fields |= {"storage": st.none(), "cpus_per_trial": st.integers(1, 99).map(float)}
        fields |= {"gpus_per_trial": st.none() | st.just(0.5), "address": st.sampled_from(["local", "a:1"])}
    return st.builds(group, **fields)


def command_of(group: type):
    """Make a command line of one group, which returns what it was given."""
    got = []
    app = typer.Typer()

    def command(asked) -> None:
        got.append(asked)

    command.__annotations__["asked"] = group
    app.command()(takes_options(command))

    def parse(words):
        result = CliRunner().invoke(app, words, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        return got.pop()

    return parse


@pytest.mark.parametrize("group", GROUPS)
def test_the_words_of_a_request_ask_for_the_same(group, monkeypatch):
    monkeypatch.delenv("SWEEP_DIR", raising=False)
    parse = command_of(group)

    @settings(max_examples=12, deadline=None)
    @given(instances(group))
    def check(asked):
        assert parse(cli_args(asked)) == asked

    check()
    assert parse([]) == group()


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_has_a_help_and_a_flag_of_its_own(group):
    details = options_of(group)
    flags = [flag_of(name, each) for name, each in details.items()]
    assert len(set(flags)) == len(flags)
    assert all(each.help.endswith(".") for each in details.values())


def test_words_name_only_what_is_not_the_default_and_what_is_asked_for():
    asked = TuneRequest(model="a(b=1)", n_trials=9, skip_corrupt=True, data=Path("my data"))
    assert cli_args(asked, TrainingOptions, always=["optimizer"]) == [
        "--optimizer",
        "adamw",
        "--data",
        "my data",
        "--skip-corrupt",
    ]


def test_a_switch_with_two_names_is_written_by_the_one_that_holds():
    assert cli_args(TrialOptions(accuracy=False, fraction=True)) == ["--error", "--fraction"]


def test_messages_name_flags_on_the_command_line_and_leave_commands_alone():
    text = "`repeat` needs `seeds`: `sweep status` lists `none`; `box_down`, `source`, `folder`, `absolute`"
    assert with_flags(text) == (
        "--repeat needs --seeds: `sweep status` lists `none`; --box-down, --from, --dir, --absolute"
    )


def test_a_group_beside_typers_own_options():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Group:
        deep: int = option(3, "How deep.", least=1)

    got = []
    app = typer.Typer()

    @app.command()
    @takes_options
    def command(name: str, group: Group, loud: bool = False) -> None:
        got.append((name, group, loud))

    run = CliRunner().invoke
    assert run(app, ["x", "--deep", "4", "--loud"]).exit_code == 0
    assert got == [("x", Group(deep=4), True)]
    assert "3" in run(app, ["--help"]).output
    assert run(app, ["x", "--deep", "0"]).exit_code == 2
