"""The way to a cluster: what answers there is a small server of ours; tests/system has the real one."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sweep.errors import InputError
from sweep.remote.jobs import JobsApi, _in_the_clear
from sweep.remote.profile import Profile
from sweep.utils.ray_token import Token

SECRET = "a-token-that-nobody-may-see"


@pytest.fixture
def serve(monkeypatch):
    """Serve one status and text for every request; return the address, and the headers of the requests."""
    servers = []
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    def serve(status: int, text: str = "{}"):
        seen = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(dict(self.headers))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        servers.append(HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", seen

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def api(address: str, token: str | None = SECRET) -> JobsApi:
    shown = Token(value=token, source="RAY_AUTH_TOKEN") if token else None
    return JobsApi(Profile(address=address, folder="/sweeps/me", token=shown))


@pytest.mark.parametrize(
    ("status", "token", "says"),
    [
        (401, None, "asks for a token, and there is none here. Put it into token in"),
        (403, SECRET, "asks for a token, and refuses the one from RAY_AUTH_TOKEN. Ask who runs the cluster"),
        (404, SECRET, "answers 404 to /api/version"),
        (500, SECRET, "answers 500 to /api/version: the last line"),
        (302, SECRET, "answers 302 to /api/version"),
    ],
)
def test_what_a_server_may_answer(serve, status, token, says):
    address, _ = serve(status, "Traceback\nthe last line")
    with pytest.raises(InputError, match=says) as refusal:
        api(address, token).warnings()
    assert SECRET not in str(refusal.value)


def test_another_website_is_no_cluster(serve):
    address, _ = serve(200, "<html>hello</html>")
    with pytest.raises(InputError, match=r"no Ray cluster answers at .*: what is there is no jobs API"):
        api(address).jobs()


def test_a_cluster_that_lets_everybody_in_is_warned_of(serve):
    address, seen = serve(200)
    [warning] = api(address).warnings()
    assert "asks for no token: whoever reaches that address can run code there" in warning
    assert [headers.get("Authorization") for headers in seen] == [f"Bearer {SECRET}", None]


def test_a_proxy_never_sees_the_token_of_a_tunnel(serve, monkeypatch):
    proxy, caught = serve(200)
    address, seen = serve(200, "[]")
    monkeypatch.setenv("HTTP_PROXY", proxy)
    assert api(address).jobs() == []
    assert len(seen) == 1
    assert caught == []


def test_netrc_does_not_replace_the_token(serve, monkeypatch, tmp_path):
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login someone password something")
    (tmp_path / ".netrc").chmod(0o600)
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    address, seen = serve(200, "[]")
    api(address).jobs()
    assert seen[0]["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("address", "clear"),
    [
        ("http://127.0.0.1:8265", False),
        ("http://[::1]:8265", False),
        ("http://localhost:8265", False),
        ("https://cluster.example", False),
        ("http://cluster.example:8265", True),
        ("http://10.0.0.1:8265", True),
    ],
)
def test_when_others_could_read_the_token(address, clear):
    assert _in_the_clear(address) == clear
