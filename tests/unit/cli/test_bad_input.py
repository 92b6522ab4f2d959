"""Bad command lines: each is refused by one message that names it, with exit code 2, and changes nothing."""

import shlex
from pathlib import Path

import pytest
from support.bad_lines.commands import BAD_CONFIDENCE, BAD_OUT, OTHERS
from support.bad_lines.reading import BAD_EXPORT
from support.bad_lines.training import BAD_RUN, BAD_TUNE
from support.command_lines import split

BAD = [*BAD_RUN, *BAD_TUNE, *BAD_EXPORT, *BAD_OUT, *BAD_CONFIDENCE, *OTHERS]


@pytest.mark.parametrize(("line", "message"), BAD, ids=[line for line, _ in BAD])
def test_a_bad_command_line_is_refused_by_one_message(line, message, refused, place):
    assert message in refused(*split(line))


def test_two_hundred_bad_command_lines_are_tried():
    assert len({line for line, _ in BAD}) >= 250


def test_every_command_and_option_is_among_them(place):
    from typer.main import get_command

    from sweep.cli.main import app

    tried = {word.split("=")[0] for line, _ in BAD for word in shlex.split(line)}
    for name, command in get_command(app).commands.items():
        if hasattr(command, "commands"):  # those of `study` are tried in unit.cli.test_study.py
            continue
        options = {option for each in command.params for option in each.opts if option.startswith("--")}
        assert name in tried
        assert options - tried <= {"--fraction"}, f"{name}: no bad value of an option is tried"


def test_the_folder_of_sweeps_may_be_misnamed_by_the_environment(refused, place, monkeypatch):
    monkeypatch.setenv("SWEEP_DIR", "a_file")
    assert "--dir a_file: not a folder" in refused("status")


@pytest.mark.parametrize(
    "value", ["nonsense://x", "sqlite:///missing.db", "sqlite:///t.csv", "file:///x", "::"]
)
def test_a_bad_address_of_mlflow_is_refused(value, refused, place, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", value)
    message = refused("export", "--from", "mlflow:any", "--out", "x.csv")
    assert value.rpartition("/")[2] in message


def test_what_may_not_be_read_is_refused(refused, place):
    import os

    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (place / "t.csv").chmod(0)
    assert "Permission denied" in refused("export", "--from", "t.csv", "--out", "x.csv")
    plan = next((place / "sweeps").rglob("plan.json"))
    plan.chmod(0)
    assert str(plan.relative_to(place)) in refused("status")
    Path("mine.toml").write_text("")
    Path("mine.toml").chmod(0)
    assert "cannot read the recipe mine.toml" in refused("run", "-m", "vit_p_1mf", "--recipe", "mine.toml")
