"""Bad files of other tools: read, or refused by one message."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.nasty import few

CELLS = st.one_of(
    st.sampled_from(["", "nan", "inf", "-1", "1e400", "٣", "1_0", "'", "\0", "9" * 400, "finished"]),
    st.text(max_size=4),
    st.floats().map(str),
)
HEADS = st.sampled_from(
    ["model", "lr", "wd", "err", "acc", "state", "role", "index", "seed", "", "é", "x" * 300]
)


@given(
    rows=st.lists(st.lists(CELLS, max_size=5), max_size=4),
    head=st.lists(HEADS, max_size=5),
    nan=st.booleans(),
)
@few
def test_any_table_is_read_or_refused(rows, head, nan, sweep, place):
    text = "\n".join(
        ",".join(cells) for cells in [["model", "err", *head], *(["a", "5", *row] for row in rows)]
    )
    (place / "h.csv").write_text(text, errors="backslashreplace")
    flags = ["--nan", "diverged"] if nan else []
    code, out, err = sweep("export", "--from", "h.csv", "--set", "optimizer=sgd", *flags, "--out", "h.json")
    assert (code, "Error:" in err) in ((0, False), (2, True))
    assert "Traceback" not in out + err
    assert (place / "h.json").exists() == (code == 0)
    (place / "h.json").unlink(missing_ok=True)


JOBS = [
    [],
    {},
    1,
    [1],
    [{}],
    [{"cfg": 1}],
    [{"cfg": {}}],
    [{"cfg": {"a": 1}, "test_epoch": {"top1_err": ["x"]}}],
    [{"cfg": {}, "test_epoch": {"top1_err": [[1]], "epoch": ["1/1"]}}],
    [{"cfg": {}, "test_epoch": {"epoch": ["1"]}}],
    [{"cfg": {}, "test_epoch": {"top1_err": [10**400], "epoch": ["1/1"]}}],
    [{"cfg": {}, "test_epoch": {"epoch_ind": [1], "epoch_max": []}}],
    [
        {
            "cfg": {},
            "test_epoch": {"top1_err": [5], "epoch": ["1/1"], "time_epoch": ["x"]},
            "train_epoch": {"time_epoch": [1]},
        }
    ],
]


@pytest.mark.parametrize("jobs", JOBS, ids=repr)
def test_what_is_not_of_pycls_is_refused(jobs, refused, place):
    (place / "s.json").write_text(json.dumps(jobs))
    refused("export", "--from", "s.json", "--set", "model=a", "--out", "x.csv")


STATES = [
    "",
    "[]",
    "{}",
    '{"trial_data": 1}',
    '{"trial_data": [[]]}',
    '{"trial_data": [[1]]}',
    "[" * 100_000,
    '{"trial_data": [["{}", 1]]}',
    '{"trial_data": [[{"trial_id": "a", "config": 1, "status": "x"}]]}',
    '{"trial_data": [[{"trial_id": [], "config": {}}]]}',
]


@pytest.mark.parametrize("text", STATES, ids=[text[:70] for text in STATES])
def test_what_is_not_of_ray_tune_is_refused(text, refused, place):
    (place / "a_folder/experiment_state-1.json").write_text(text)
    assert "experiment_state-1.json" in refused(
        "export", "--from", "a_folder", "--set", "model=a", "--out", "x.csv"
    )
