"""The token is the one that Ray itself would use."""

import pytest

from sweep.errors import InputError
from sweep.utils.ray_token import find_token


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty home, and no variable of Ray's."""
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    return tmp_path


def of_ray() -> str | None:
    from ray._raylet import AuthenticationTokenLoader

    loader = AuthenticationTokenLoader.instance()
    loader.reset_cache()
    if not loader.has_token(ignore_auth_mode=True):
        return None
    return loader.get_token_for_http_header(ignore_auth_mode=True)["authorization"].removeprefix("Bearer ")


@pytest.mark.parametrize("variable", [None, "", " of the variable "])
@pytest.mark.parametrize("named", [None, "", " of the named file\n"])
@pytest.mark.parametrize("default", [None, "", " \n", "of the default file \n"])
def test_the_same_token_as_ray_finds(home, monkeypatch, variable, named, default):
    if variable is not None:
        monkeypatch.setenv("RAY_AUTH_TOKEN", variable)
    if named is not None:
        (home / "named").write_text(named)
        monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "named") if named else "")
    if default is not None:
        (home / ".ray" / "auth_token").write_text(default)
    found = find_token()
    assert (found and found.value) == of_ray()
    if found:
        assert found.value not in repr(found)
        assert found.source in ("RAY_AUTH_TOKEN", f"RAY_AUTH_TOKEN_PATH ({home}/named)", "~/.ray/auth_token")


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"", "is empty"), (b"\xff\xfe", "no text")]
)
def test_a_named_file_that_holds_no_token_is_refused(home, monkeypatch, content, says):
    if content is not None:
        (home / "named").write_bytes(content)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(home / "named"))
    with pytest.raises(InputError, match=f"RAY_AUTH_TOKEN_PATH names {home}/named.*{says}"):
        find_token()


def test_a_blank_variable_is_refused(home, monkeypatch):
    (home / ".ray" / "auth_token").write_text("of the default file")
    monkeypatch.setenv("RAY_AUTH_TOKEN", "  ")
    assert of_ray() is None
    with pytest.raises(InputError, match="RAY_AUTH_TOKEN is blank"):
        find_token()
