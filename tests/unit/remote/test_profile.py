"""The profile's file, the variables that override it, and what is refused of them."""

import getpass

import pytest

from sweep.errors import InputError
from sweep.remote.profile import read_profile
from sweep.utils.ray_token import Token

SECRET = "a-token-that-nobody-may-see"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a profile into an empty home without any variable of ours or Ray's."""
    for name in ("XDG_CONFIG_HOME", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "SWEEP_CLUSTER_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / ".config" / "sweep" / "config.toml"
    path.parent.mkdir(parents=True)

    def write(text: str, mode: int = 0o600):
        path.write_text(text)
        path.chmod(mode)
        return path

    return write


WHOLE = f"""
[cluster]
address = "https://cluster.example:8265/"
token = "{SECRET}"
folder = "/sweeps/alice/"
tracking_uri = "https://mlflow.example"
"""


def test_a_whole_profile(write):
    path = write(WHOLE)
    profile = read_profile()
    assert profile.address == "https://cluster.example:8265"
    assert profile.folder == "/sweeps/alice"
    assert profile.tracking_uri == "https://mlflow.example"
    assert profile.token == Token(value=SECRET, source=f"token in {path}")
    assert SECRET not in repr(profile)


def test_variables_override_the_file_and_do_without_it(write, monkeypatch):
    write(WHOLE)
    monkeypatch.setenv("SWEEP_CLUSTER_ADDRESS", "http://127.0.0.1:8265")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "of the variable")
    assert read_profile().address == "http://127.0.0.1:8265"
    assert read_profile().token == Token(value="of the variable", source="RAY_AUTH_TOKEN")
    assert read_profile().folder == "/sweeps/alice"
    write("").unlink()
    profile = read_profile()
    assert profile.folder == f"/sweeps/{getpass.getuser()}"
    assert profile.tracking_uri is None


def test_a_token_in_a_file_of_its_own(write, tmp_path):
    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    write('[cluster]\naddress = "http://h:1"\ntoken_file = "~/secret"', 0o644)
    assert read_profile().token == Token(value=SECRET, source=str(file))
    file.chmod(0o640)
    with pytest.raises(InputError, match=f"mode 640 gives others access: chmod 600 {file}"):
        read_profile()


def test_rays_own_file_is_looked_at_last(write, tmp_path):
    write('[cluster]\naddress = "http://h:1"')
    assert read_profile().token is None
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text(SECRET)
    assert read_profile().token == Token(value=SECRET, source="~/.ray/auth_token")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no cluster is known: write a line"),
        ("[cluster]", "no cluster is known: write a line"),
        ("cluster = 1", r"has one table, \[cluster\], got a value"),
        ("[clusters]", r"has one table, \[cluster\], got clusters"),
        ("[cluster]\nadress = 'x'", "unknown field in the profile .* 'adress'. Did you mean address"),
        ("[cluster]\naddress = 1", "address takes a text in quotes"),
        ("[cluster]\naddress = ''", "address takes a text in quotes"),
        ("[cluster]\naddress = 'h:8265'", "the cluster's address is http://HOST:PORT.*got h:8265"),
        ("[cluster]\naddress = 'ray://h:1'", "the cluster's address is http://HOST:PORT"),
        ("[cluster]\naddress = 'http://u:p@h:1'", "holds a user or a password"),
        ("[cluster]\naddress = 'http://h:1'\nfolder = 'x'", "folder is an absolute path there"),
        ("[cluster]\naddress = 'http://h:1'\nfolder = '/a/../b'", "folder is an absolute path there"),
        ("[cluster]\naddress = 'http://h:1'\ntracking_uri = 'http://u:p@h'", "tracking_uri holds a user"),
        ("[cluster]\ntoken = 'x'\ntoken_file = 'y'", "both token and token_file"),
        (
            "[cluster]\naddress = 'http://h:1'\ntoken_file = '/nowhere'",
            "token_file in .* names /nowhere, which",
        ),
        ("[cluster\n", "is no valid TOML"),
        (f"[cluster]\ntoken = '{SECRET}' x", "is no valid TOML"),
    ],
)
def test_refused(write, text, says):
    write(text)
    with pytest.raises(InputError, match=says) as refusal:
        read_profile()
    assert SECRET not in str(refusal.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_token_that_others_can_read_is_refused(write, mode):
    path = write(WHOLE, mode)
    with pytest.raises(InputError, match=f"mode {mode:o} gives others access: chmod 600 {path}") as refusal:
        read_profile()
    assert SECRET not in str(refusal.value)
