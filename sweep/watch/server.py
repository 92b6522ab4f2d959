"""Serves the page on this machine, for reading only: no address of it changes anything."""

import json
import logging
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sweep.errors import InputError
from sweep.watch.follow import Follower
from sweep.watch.page import page_of

ADDRESS = "127.0.0.1"
"""Other machines cannot reach it."""
_HOSTS = {"127.0.0.1", "localhost", "[::1]"}
"""By these names a browser may ask. Another name could be a foreign website's that leads here."""
_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_log = logging.getLogger(__name__)


class Watch(ThreadingHTTPServer):
    """A server of the page.

    Parameters
    ----------
    follower : Follower
        What is served.
    port : int
        Where to listen; 0 takes a free one.

    Raises
    ------
    InputError
        If something else listens there.
    """

    daemon_threads = True
    allow_reuse_port = False

    def __init__(self, follower: Follower, port: int) -> None:
        self.follower, self.lock = follower, threading.Lock()
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            raise InputError(
                f"`port` {port}: {error.strerror or error}. Is another `sweep watch` there? Choose another."
            ) from error

    @property
    def address(self) -> str:
        """Where a browser finds it."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log what went wrong with a request; a browser that went away is nothing."""
        _log.error("a request was not answered", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """Answers one browser."""

    server: Watch
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "sweep-watch", ""
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer a request."""
        host = re.sub(r":\d+$", "", self.headers.get("Host", ""))
        if host.lower() not in _HOSTS:
            self._text(HTTPStatus.FORBIDDEN, f"sweep watch answers to {', '.join(sorted(_HOSTS))} only.")
            return
        url = urlsplit(self.path)
        try:
            if url.path == "/":
                self._page()
            elif url.path == "/changes":
                self._changes(parse_qs(url.query))
            elif url.path.startswith("/run/"):
                self._run(url.path.removeprefix("/run/"))
            else:
                self._text(HTTPStatus.NOT_FOUND, "There is nothing here. The page is at /.")
        except InputError as error:
            self._text(HTTPStatus.NOT_FOUND, str(error))

    def _page(self) -> None:
        with self.server.lock:
            self.server.follower.catch_up()
            page = page_of(self.server.follower, served=True)
        self._send(HTTPStatus.OK, page.encode(), "text/html; charset=utf-8")

    def _changes(self, query: dict[str, list[str]]) -> None:
        since = query.get("since", ["0"])[0]
        with self.server.lock:
            self.server.follower.catch_up()
            changes = self.server.follower.changes(int(since) if since.isdecimal() else 0)
        self._send(HTTPStatus.OK, json.dumps(changes).encode(), "application/json")

    def _run(self, key: str) -> None:
        """Lead to a trial's run in MLflow, which is asked only now."""
        from sweep.tracking.runs import run_link

        with self.server.lock:
            sweep = self.server.follower.find(key)
        if sweep is None:
            raise InputError("no trial of this key is shown.")
        self.send_response(HTTPStatus.FOUND)
        self.send_header("Location", run_link(sweep.plan.recipe.name, key))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _text(self, status: HTTPStatus, text: str) -> None:
        self._send(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    def _send(self, status: HTTPStatus, body: bytes, kind: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **_HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
