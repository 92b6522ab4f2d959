from typer.main import get_command
from typer.testing import CliRunner

from sweep.cli.app import ORDER
from sweep.cli.main import app


def test_the_help_lists_the_commands_as_a_newcomer_needs_them():
    assert set(get_command(app).commands) == set(ORDER)
    text = CliRunner().invoke(app, ["--help"]).output.split("Commands")[1]
    places = [text.index(f" {name} ") for name in ORDER]
    assert places == sorted(places)
