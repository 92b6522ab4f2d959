import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.journals import epoch, failed, finished

from sweep.core.trial import TrialState
from sweep.errors import DamagedError, InputError
from sweep.workspace.journal import Journal, TrialHistory


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def test_what_was_appended_is_read_back(path):
    journal = Journal(path)
    journal.append("start", "a", time_ms=1)
    journal.append("epoch", "a", epoch(1), time_ms=2)
    journal.append("end", "a", finished(), time_ms=3)
    assert Journal(path).trials == journal.trials
    history = Journal(path).history("a")
    assert (history.started_ms, history.ended_ms, history.record) == (1, 3, finished())
    assert history.epochs == {1: (2, epoch(1))}


def test_floats_read_back_to_the_last_bit(path):
    value = 0.1 + 0.2
    Journal(path).append("epoch", "a", epoch(1, value))
    assert Journal(path).history("a").epochs[1][1].top1_err == value


def test_states(path):
    journal = Journal(path)
    assert journal.history("a").state is TrialState.PLANNED
    journal.append("start", "a")
    assert journal.history("a").state is TrialState.RUNNING
    journal.append("end", "a", failed())
    assert journal.history("a").state is TrialState.FAILED
    journal.append("start", "a")
    assert journal.history("a").state is TrialState.RUNNING
    journal.append("end", "a", finished())
    assert journal.history("a").state is TrialState.FINISHED


def test_an_epoch_without_a_top5_error_is_written_as_earlier_versions_did(path):
    journal = Journal(path)
    journal.append("epoch", "a", epoch(1), time_ms=1)
    journal.append("epoch", "a", epoch(2, top5_err=100 / 7), time_ms=2)
    before, now = map(json.loads, path.read_text().splitlines())
    assert list(now) == [*before, "top5_err"]
    assert Journal(path).history("a").epochs[2] == (2, epoch(2, top5_err=100 / 7))


def test_a_result_stands_whatever_comes_later(path):
    journal = Journal(path)
    journal.append("end", "a", finished(error=10.0))
    size = path.stat().st_size
    assert not journal.append("end", "a", finished(error=20.0))
    assert not journal.append("end", "a", failed())
    assert not journal.append("epoch", "a", epoch(3))
    assert journal.history("a").record == finished(error=10.0)
    assert path.stat().st_size == size


def test_an_epoch_that_is_trained_again_is_not_news(path):
    journal = Journal(path)
    assert journal.append("epoch", "a", epoch(1), time_ms=1)
    assert not journal.append("epoch", "a", epoch(1), time_ms=9)
    assert journal.history("a").epochs[1][0] == 1


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_torn_last_line_never_happened_and_is_written_over(path, cut):
    journal = Journal(path)
    journal.append("epoch", "a", epoch(1))
    whole = path.read_bytes()
    journal.append("epoch", "a", epoch(2))
    path.write_bytes(path.read_bytes()[:-cut])
    again = Journal(path)
    assert list(again.history("a").epochs) == [1]
    again.append("epoch", "b", epoch(1))
    assert path.read_bytes().startswith(whole)
    assert Journal(path).trials == again.trials
    assert all(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "{}",
        "[]",
        '{"event": "epoch", "key": "a", "time_ms": 1, "colour": "red"}',
        '{"event": "end", "key": "a", "time_ms": 1, "state": "finished"}',
        '{"event": "end", "key": "a", "time_ms": 1, "state": "diverged", "top1_err": 12.0}',
        '{"event": "end", "key": "a", "time_ms": 1, "state": "planned"}',
    ],
)
def test_a_damaged_line_is_refused_and_named(path, line):
    Journal(path).append("start", "a")
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match="line 2 is damaged"):
        Journal(path)


def test_an_event_of_a_later_version_is_not_taken_for_damage(path):
    line = '{"event": "burp", "key": "a", "time_ms": 1}\n'
    path.write_text(line)
    for mend in (False, True):
        with pytest.raises(InputError, match="line 1: unknown event 'burp'"):
            Journal(path, mend=mend)
    assert path.read_text() == line


def test_a_driver_leaves_damaged_lines_out_and_keeps_them_aside(path):
    journal = Journal(path)
    journal.append("start", "a", time_ms=1)
    journal.append("end", "a", finished("a"), time_ms=2)
    journal.append("end", "b", finished("b"), time_ms=3)
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = lines[0] + b"\x00\xff" + lines[1][2:] + lines[2]
    path.write_bytes(damaged)
    with pytest.raises(DamagedError, match="line 2 is damaged"):
        Journal(path)
    journal = Journal(path, mend=True)
    assert path.read_bytes() == damaged
    assert "1 damaged line left out" in journal.mend()
    assert (path.parent / "journal.jsonl.damaged").read_bytes() == damaged
    assert path.read_bytes() == lines[0] + lines[2]
    assert journal.mend() is None
    journal.append("end", "a", finished("a"), time_ms=4)
    again = Journal(path)
    assert again.trials == journal.trials
    assert again.history("a").record == finished("a")


def test_nothing_infinite_is_written(path):
    with pytest.raises(ValueError, match="top1_err must be a number from 0 to 100, got nan"):
        Journal(path).append("epoch", "a", epoch(1, float("nan")))
    assert not path.exists()


def test_what_could_not_be_written_has_not_happened(path, monkeypatch):
    journal = Journal(path)
    journal.append("start", "a")

    def full(line, *, sync):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal, "_write", full)
        with pytest.raises(InputError, match=r"cannot write .*: No space left"):
            journal.append("end", "a", finished())
    assert journal.history("a").state is TrialState.RUNNING
    assert journal.append("end", "a", finished())


def test_a_history_can_be_taken_over(path, tmp_path):
    one, other = Journal(path), Journal(tmp_path / "other.jsonl")
    one.append("start", "a", time_ms=1)
    one.append("epoch", "a", epoch(1), time_ms=2)
    one.append("end", "a", finished(), time_ms=3)
    other.adopt("a", one.history("a"))
    assert other.history("a") == one.history("a")
    assert Journal(other.path).trials == one.trials


EVENTS = st.lists(
    st.one_of(
        st.just(("start", None)),
        st.builds(lambda n: ("epoch", epoch(n)), st.integers(1, 5)),
        st.just(("end", failed())),
        st.builds(lambda e: ("end", finished(error=e)), st.floats(0, 100)),
    ),
    max_size=12,
)


@given(EVENTS)
def test_the_state_machine_never_leaves_a_result_nor_counts_an_epoch_twice(events):
    history = TrialHistory()
    result = None
    for time_ms, (kind, contents) in enumerate(events, 1):
        before = history.state
        news = history.is_news(kind, contents)
        history.add(kind, time_ms, contents)
        if before.has_result:
            assert not news
            assert history.state is before
        if history.state.has_result:
            result = result or history.record
            assert history.record == result
        assert list(history.epochs) == list(dict.fromkeys(history.epochs))
    if result is None and events:
        last = [kind for kind, _ in events if kind != "epoch"]
        expected = {"start": TrialState.RUNNING, "end": TrialState.FAILED}
        assert history.state is (expected[last[-1]] if last else TrialState.PLANNED)


def test_reading_on_takes_in_what_another_process_has_appended(path):
    writer, reader = Journal(path), Journal(path)
    assert reader.read_on() == set()
    writer.append("start", "a", time_ms=1)
    writer.append("start", "b", time_ms=2)
    assert reader.read_on() == {"a", "b"}
    assert reader.read_on() == set()
    writer.append("end", "a", finished(), time_ms=3)
    assert reader.read_on() == {"a"}
    assert reader.trials == writer.trials == Journal(path).trials


def test_reading_on_reads_no_line_twice_and_none_that_is_being_written(path):
    writer = Journal(path)
    writer.append("start", "a")
    reader = Journal(path)
    with path.open("ab") as file:
        file.write(b'{"event": "start", "key": "b", "ti')
    assert reader.read_on() == set()
    with path.open("ab") as file:
        file.write(b'me_ms": 5}\n')
    assert reader.read_on() == {"b"}
    size = path.stat().st_size
    read = []
    reader._complete = lambda raw, before=reader._complete: (read.append(len(raw)), before(raw))[1]
    Journal(path).append("start", "c")
    reader.read_on()
    assert read == [path.stat().st_size - size], "only what was appended"


def test_reading_on_leaves_damaged_lines_out_and_begins_anew_where_the_file_was_mended(path):
    writer = Journal(path)
    writer.append("start", "a")
    reader = Journal(path)
    with path.open("ab") as file:
        file.write(b"nonsense\n")
    writer = Journal(path, mend=True)
    writer.append("start", "b")
    assert reader.read_on() == {"b"}
    assert reader.damaged == 1
    writer.mend()
    writer.append("end", "b", finished("b"))
    assert reader.read_on() == {"a", "b"}
    assert reader.damaged == 0
    assert reader.trials == Journal(path).trials
