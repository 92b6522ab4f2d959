"""What a user hears of where Ray's files lie; clusters themselves are started in integration tests."""

import os
import time

import pytest

from sweep.orchestrate.cluster import _logs_since, _temporary_folder


@pytest.fixture
def logs(tmp_path, monkeypatch):
    """The log folder of a Ray that was started here."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    folder = tmp_path / "ray" / "session_1" / "logs"
    folder.mkdir(parents=True)
    (tmp_path / "ray" / "session_latest").symlink_to("session_1")
    return folder


def test_the_logs_of_this_start_are_found_and_not_those_of_an_earlier_one(logs):
    since = time.time()
    os.utime(logs, (since - 60, since - 60))
    assert _logs_since(since, None) is None
    os.utime(logs, (since + 1, since + 1))
    assert _logs_since(since, None) == logs
    assert _logs_since(since, str(logs.parents[1])) == logs
    assert _logs_since(since, str(logs)) is None


def test_a_user_hears_once_where_rays_files_lie_if_the_path_is_too_long(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setenv("RAY_TMPDIR", "/tmp")
    assert _temporary_folder(warnings.append) == {}
    assert warnings == []
    monkeypatch.setenv("RAY_TMPDIR", "/tmp/" + "x" * 80)
    assert _temporary_folder(warnings.append) == {"_temp_dir": "/tmp/ray"}
    (text,) = warnings
    assert text.startswith("Ray's files lie in /tmp/ray: ")
