"""Bad journals: refused by one message that names file and line, and left as they are; a torn end is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.nasty import NASTY, few

EPOCH = {
    "event": "epoch",
    "key": "k",
    "time_ms": 1,
    "epoch": 1,
    "top1_err": 5.0,
    "val_loss": 1.0,
    "train_loss": 1.0,
    "lr": 0.1,
}
END = {
    "event": "end",
    "key": "k",
    "time_ms": 1,
    "state": "finished",
    "top1_err": 5.0,
    "epochs": 1,
    "wall_s": 1.0,
}
LINES = [
    *(
        EPOCH | change
        for change in (
            {"epoch": 0},
            {"epoch": -1},
            {"epoch": "1"},
            {"epoch": 1.5},
            {"epoch": True},
            {"epoch": None},
            {"top1_err": -1},
            {"top1_err": 100.1},
            {"top1_err": "5"},
            {"top1_err": None},
            {"top1_err": [5]},
            {"top1_err": float("nan")},
            {"val_loss": float("inf")},
            {"train_loss": float("-inf")},
            {"lr": "x"},
            {"lr": None},
            {"lr": 10**400},
            {"diverged_step": 0},
            {"diverged_step": 1.5},
            {"last_finite_loss": "x"},
            {"colour": "red"},
            {"key": 3},
            {"key": None},
            {"key": ["k"]},
            {"time_ms": "1"},
            {"time_ms": -1},
            {"time_ms": 1.5},
            {"time_ms": None},
            {"event": "burp"},
            {"event": None},
            {"event": ["end"]},
        )
    ),
    *(
        END | change
        for change in (
            {"state": "running"},
            {"state": "planned"},
            {"state": "gone"},
            {"state": None},
            {"state": 1},
            {"state": "failed"},
            {"state": "diverged"},
            {"top1_err": None},
            {"top1_err": 101},
            {"top1_err": "5"},
            {"top1_err": float("nan")},
            {"best_top1_err": -1},
            {"best_top1_err": "x"},
            {"epochs": -1},
            {"epochs": 1.5},
            {"epochs": None},
            {"wall_s": -1},
            {"wall_s": float("inf")},
            {"wall_s": "x"},
            {"diverged_step": -3},
            {"error": 5},
            {"host": ["h"]},
            {"device": {}},
            {"colour": "red"},
        )
    ),
    {"event": "start", "key": "k", "time_ms": 1, "epoch": 1},
    {"event": "start", "key": "k"},
    {},
    [],
    1,
    None,
    "end",
]
LINES = [
    *(json.dumps(line).encode() for line in LINES),
    b"",
    b"{",
    b"\xff\xfe",
    b"\0\0\0",
    b"[" * 100_000,
    b"1" * 5000,
    b'{"event": "start", "key": "k", "time_ms": 1}{}',
]


@pytest.mark.parametrize("line", LINES, ids=[line.decode(errors="replace")[:80] for line in LINES])
def test_a_damaged_line_of_a_journal_is_named(line, refused, plan):
    journal = plan.with_name("journal.jsonl")
    lines = journal.read_bytes().splitlines()
    lines[2:2] = [line]
    journal.write_bytes(b"\n".join(lines) + b"\n")
    message = refused("status")
    assert "journal.jsonl, line 3" in message
    assert refused("export", "--out", "x.csv") == message


@given(data=st.data())
@few
def test_a_line_of_a_journal_of_other_values_is_refused_or_read(data, sweep, plan):
    journal = plan.with_name("journal.jsonl")
    whole = journal.read_bytes()
    line = dict(data.draw(st.sampled_from([EPOCH, END])))
    key = data.draw(st.sampled_from([*line, "other"]))
    if data.draw(st.booleans()):
        line.pop(key, None)
    else:
        line[key] = data.draw(NASTY)
    try:
        journal.write_bytes(whole + json.dumps(line).encode() + b"\n")
        before = journal.read_bytes()
        code, out, err = sweep("status", "vit_c", "--json")
        assert (code, "journal.jsonl, line 10" in err) in ((0, False), (2, True))
        assert "Traceback" not in out + err
        assert journal.read_bytes() == before
    finally:
        journal.write_bytes(whole)


@given(cut=st.integers(1, 60), garbage=st.binary(max_size=5).filter(lambda raw: b"\n" not in raw))
@few
def test_a_last_line_that_is_torn_is_no_damage_and_is_left_alone(cut, garbage, sweep, plan):
    journal = plan.with_name("journal.jsonl")
    whole = journal.read_bytes()
    torn = whole[:-cut] + garbage
    try:
        journal.write_bytes(torn)
        code, out, _ = sweep("status", "vit_c", "--json")
        assert code == 0
        assert json.loads(out)[0]["finished"] == 8
        assert journal.read_bytes() == torn
    finally:
        journal.write_bytes(whole)
