import pytest
from typer.main import get_command
from typer.testing import CliRunner

from sweep.cli.app import ORDER
from sweep.cli.main import app, main


def test_the_help_lists_the_commands_as_a_newcomer_needs_them():
    assert set(get_command(app).commands) == set(ORDER)
    text = CliRunner().invoke(app, ["--help"]).output.split("Commands")[1]
    places = [text.index(f" {name} ") for name in ORDER]
    assert places == sorted(places)


def test_ctrl_c_while_an_error_is_told_shows_no_traceback(monkeypatch, tmp_path):
    def interrupted(message):
        raise KeyboardInterrupt

    monkeypatch.setattr("sys.argv", ["sweep", "watch", "--dir", str(tmp_path / "none")])
    monkeypatch.setattr("sweep.cli.main._fail", interrupted)
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 130
