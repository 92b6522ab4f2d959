import os
import socket
import tempfile

import pytest

from sweep.errors import InputError
from sweep.utils.socket_folders import MOST_BYTES, shorten_tempdir, socket_folder


def test_the_limit_is_that_of_linux(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a relative path counts as it is given
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("a" * MOST_BYTES)
    with socket.socket(socket.AF_UNIX) as one, pytest.raises(OSError, match="too long"):
        one.bind("b" * (MOST_BYTES + 1))


def test_a_folder_that_is_short_enough_is_kept():
    wanted = "/" + "a" * 80
    assert socket_folder(wanted, 26) == wanted
    assert socket_folder(wanted, 27) == "/tmp"
    assert socket_folder("/" + "ä" * 40, 27, short=["/dev/shm"]) == "/dev/shm", "bytes count, not letters"


def test_without_a_short_folder_the_remedy_is_named(tmp_path):
    with pytest.raises(InputError, match=r"TMPDIR and RAY_TMPDIR to one of at most 87 bytes"):
        socket_folder("/" + "a" * 100, 20, short=[str(tmp_path / "none")])


def test_pythons_temporary_folder_is_shortened(tmp_path, monkeypatch):
    folder = tmp_path / ("a" * 90)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    shorten_tempdir(32)
    assert tempfile.gettempdir() != str(folder)
    assert os.access(tempfile.gettempdir(), os.W_OK)
