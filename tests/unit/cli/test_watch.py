import socket

import pytest


def test_once_writes_the_page_and_ends(sweep, results, tmp_path):
    code, out, err = sweep("watch", "--once", "--out", "now.html")
    assert (code, out, err) == (0, "Written to now.html\n", "")
    page = (tmp_path / "now.html").read_text()
    assert "18 trials in 2 sweeps" in page
    assert 'id="progress"' in page


def test_once_takes_the_sweeps_that_are_chosen(sweep, results, tmp_path):
    assert sweep("watch", "--once", "--out", "now.html", "--model", "vit_c_1mf")[0] == 0
    assert "9 trials in 1 sweep" in (tmp_path / "now.html").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dir", "none"], "no sweep to show: none/ has none with points"),
        (["--dir", "a_file"], "--dir a_file: not a folder"),
        (["--model", "x"], "no sweep to show of --model x"),
        (["--once"], "--once and --out belong together"),
        (["--out", "now.html"], "--once and --out belong together"),
        (["--once", "--out", "now.pdf"], "the suffix must be .html or .htm"),
        (["--once", "--out", "none/now.html"], "cannot write none/now.html"),
    ],
)
def test_what_is_wrong_is_one_message(sweep, place, words, said):
    code, out, err = sweep("watch", *words)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())
    assert "Traceback" not in err


def test_a_port_in_use_is_one_message(sweep, results):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, _, err = sweep("watch", "--port", port)
    assert code == 2
    assert f"--port {port}: Address already in use" in " ".join(err.split())
