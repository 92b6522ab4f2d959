"""The server: what it answers, to whom, and what it never does."""

import http.client
import json
import socket
import threading

import pytest
from support.journals import finished
from support.plans import a_plan, keys
from support.workspaces import create

from sweep.errors import InputError
from sweep.watch.follow import Follower
from sweep.watch.server import Watch
from sweep.workspace.journal import Journal
from sweep.workspace.workspace import Workspace


@pytest.fixture
def watch(tmp_path):
    create(Workspace(tmp_path / "sweeps"), a_plan())
    with Watch(Follower(folder=tmp_path / "sweeps"), 0) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()


def ask(watch, path="/", method="GET", **headers):
    connection = http.client.HTTPConnection(*watch.server_address[:2], timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read().decode(), answer.headers


def test_the_page_and_then_what_has_changed(watch):
    status, page, headers = ask(watch)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert "How hard to train: vit_p_1mf" in page
    folder, plan = watch.follower.folder, a_plan()
    Journal(folder / plan.name / "journal.jsonl").append("end", keys(plan)[1], finished(keys(plan)[1]))
    changes = json.loads(ask(watch, "/changes?layout=1&since=0")[1])
    assert changes["trials"] == [[plan.name, 1, "finished", 10.0, 2, 1.0, None]]
    assert json.loads(ask(watch, f"/changes?since={changes['version']}")[1])["trials"] == []


@pytest.mark.parametrize("host", ["localhost:8643", "127.0.0.1", "[::1]:80", "LOCALHOST"])
def test_a_browser_of_this_machine_is_answered(watch, host):
    assert ask(watch, Host=host)[0] == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8643", "", "localhost:x"]
)
@pytest.mark.parametrize("path", ["/", "/changes?since=0", "/run/x"])
def test_a_foreign_name_is_refused(watch, host, path):
    status, text, _ = ask(watch, path, Host=host)
    assert (status, text) == (403, "sweep watch answers to 127.0.0.1, [::1], localhost only.\n")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_there_is_nothing_to_write_to(watch, method):
    assert ask(watch, method=method)[0] == 501


@pytest.mark.parametrize("path", ["/x", "/../plan.json", "/changes/", "/run/0123", "/run/../x", "//etc"])
def test_nothing_else_is_there(watch, path):
    assert ask(watch, path)[0] == 404


@pytest.mark.parametrize("query", ["", "since=", "since=-1", "since=x", "since=99999999999999", "%00"])
def test_a_strange_question_for_changes_gets_an_answer(watch, query):
    assert ask(watch, f"/changes?{query}")[0] == 200


def test_answers_are_neither_kept_nor_framed_nor_read_by_other_sites(watch):
    for path in ("/", "/changes", "/x"):
        headers = ask(watch, path)[2]
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["Access-Control-Allow-Origin"] is None


def test_head_has_no_body(watch):
    status, text, headers = ask(watch, method="HEAD")
    assert (status, text) == (200, "")
    assert int(headers["Content-Length"]) > 1000


def test_a_browser_that_goes_away_is_not_mentioned(watch, capfd):
    for said in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"\x16\x03\x01 nonsense\r\n\r\n"):
        with socket.create_connection(watch.server_address[:2]) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset on close
            connection.sendall(said)
    assert ask(watch)[0] == 200
    assert capfd.readouterr() == ("", "")


def test_a_port_in_use_is_one_message(watch):
    port = watch.server_address[1]
    with pytest.raises(InputError, match=rf"`port` {port}: Address already in use. .* Choose another"):
        Watch(watch.follower, port)


def test_it_listens_on_this_machine_only(watch):
    assert watch.server_address[0] == "127.0.0.1"
    assert watch.address == f"http://127.0.0.1:{watch.server_address[1]}/"
