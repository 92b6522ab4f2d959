"""Log records go to the file of their sweep, without secrets."""

import logging

from sweep.utils.logs import logged_to

LOG = logging.getLogger("sweep.test")


def test_each_file_has_what_concerns_its_sweep_and_all(tmp_path):
    files = {"one": tmp_path / "one.log", "other": tmp_path / "other.log"}
    with logged_to(files):
        LOG.info("of both")
        LOG.warning("of one", extra={"sweep": "one"})
        LOG.debug("of none: too much")
    LOG.warning("afterwards")
    assert [line.split(": ", 1)[1] for line in files["one"].read_text().splitlines()] == ["of both", "of one"]
    assert "of one" not in files["other"].read_text()
    assert "afterwards" not in files["other"].read_text()
    with logged_to(files):
        LOG.info("again")
    assert len(files["one"].read_text().splitlines()) == 3, "appended"


def test_users_and_passwords_are_hidden_in_tracebacks_too(tmp_path):
    with logged_to({"one": tmp_path / "log"}):
        LOG.info("MLflow at postgresql://user:secret@host/db")
        try:
            raise ConnectionError("https://user:secret@host is away")
        except ConnectionError:
            LOG.exception("no delivery")
    text = (tmp_path / "log").read_text()
    assert "secret" not in text
    assert text.count("://***@host") == 3
    assert "Traceback" in text


def test_nothing_is_printed_without_a_driver(capfd):
    LOG.warning("nobody asked")
    assert capfd.readouterr() == ("", "")
