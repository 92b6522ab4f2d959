"""Bad plans, journals, recipes, data and tables: refused by one message, or tolerated, and left as they are."""

import json
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from support.command_lines import split

READERS = ("status", "export --out x.csv", "cdf --out x.pdf")
few = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
NASTY = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just(10**400),
    st.just(1e308),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)

# ---- plans


@pytest.fixture
def plan(place):
    return next((place / "sweeps").glob("vit_c*/plan.json"))


PLANS = {
    "empty": b"",
    "nothing": b"\0" * 100,
    "no UTF-8": b"\xff\xfe{}",
    "a list": b"[]",
    "a number": b"1",
    "null": b"null",
    "no end": b'{"version": 1',
    "deep": b"[" * 100_000,
    "deep in": b'{"a":' * 100_000,
    "digits": b"1" * 5000,
    "NaN": b'{"version": NaN}',
    "other version": b'{"version": 2}',
    "no version": b"{}",
    "only a version": b'{"version": 1}',
    "no plan": b'{"version": 1, "box": {}}',
}


@pytest.mark.parametrize("content", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("command", READERS)
def test_what_is_no_plan_is_named(content, command, refused, plan):
    plan.write_bytes(content)
    assert "plan.json" in refused(*split(command))


@given(data=st.data())
@few
def test_a_plan_in_which_anything_was_changed_is_refused(data, refused, plan):
    whole = plan.read_text()
    values = json.loads(whole)
    places = [values, values["box"], values["recipe"], data.draw(st.sampled_from(values["trials"]))]
    at = data.draw(st.sampled_from(places))
    key = data.draw(st.sampled_from(sorted(at)))
    before = json.dumps(at[key])
    if data.draw(st.booleans()):
        del at[key]
    else:
        at[key] = data.draw(NASTY)
    same = key in at and json.dumps(at[key]) == before
    harmless = key in ("optimum_source", "version") and key in at  # the note on the optimum decides nothing
    try:
        plan.write_text(json.dumps(values))
        if not (same or harmless or _still_the_same(plan, whole)):
            assert "plan.json" in refused("status")
    finally:
        plan.write_text(whole)


def _still_the_same(plan, whole):
    """Whether what was written says the same in other words: 1.0 for 1, or a default left out."""
    from sweep.core.plan import Plan
    from sweep.errors import InputError

    try:
        return Plan.from_json(plan.read_text(), "it") == Plan.from_json(whole, "it")
    except InputError:
        return False


@given(cut=st.floats(0, 1, exclude_max=True), garbage=st.binary(max_size=8))
@few
def test_a_plan_that_is_cut_off_or_overwritten_is_refused(cut, garbage, refused, plan):
    whole = plan.read_bytes()
    try:
        plan.write_bytes(whole[: int(cut * (len(whole) - 2))] + garbage)
        assert "plan.json" in refused("export", "--out", "x.csv")
    finally:
        plan.write_bytes(whole)


def test_a_plan_whose_classes_were_changed_or_whose_folder_was_renamed_is_refused(refused, plan):
    whole = plan.read_text()
    plan.write_text(whole.replace('"classes": 10', '"classes": 11'))
    assert "it was changed after it was written, or its folder renamed" in refused("status")
    plan.write_text(whole)
    plan.parent.rename(plan.parent.with_name("mine"))
    assert "mine/plan.json is the plan of vit_c_1mf-adamw-digits-dc6e99" in refused("cdf", "--out", "x.pdf")


def test_a_plan_or_journal_that_is_a_folder_is_named(refused, plan):
    plan.with_name("journal.jsonl").unlink()
    plan.with_name("journal.jsonl").mkdir()
    assert "journal.jsonl" in refused("status")
    plan.unlink()
    plan.mkdir()
    assert "plan.json" in refused("status")


# ---- journals

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


# ---- recipes

GOOD = {
    "dataset": '"digits"',
    "max_px": "16",
    "epochs": "2",
    "batch": "8",
    "warmup_epochs": "1",
    "warmup_factor": "0.1",
    "min_lr_factor": "0.1",
    "label_smoothing": "0.1",
    "augment": '["flip"]',
    "ema_steps": "1",
    "ema_rate": "0.1",
    "train_subset": "100",
    "data_seed": "1",
}
OF_NO_FIELD = [
    "nan",
    "inf",
    "-inf",
    "true",
    "[]",
    "[[1]]",
    "{a = 1}",
    "1979-05-27",
    "''",
    "'x'",
    "-1",
    "1e400",
    "9" * 30,
    "9" * 5000,
    "0x",
    "=",
    "[" * 5000,
    "\0",
    "'",
    '"""',
]


@pytest.mark.parametrize("field", GOOD)
def test_no_field_of_a_recipe_takes_what_is_not_its(field, refused, place):
    for value in OF_NO_FIELD:
        if (field, value) == ("augment", "[]"):
            continue
        lines = GOOD | {field: value}
        (place / "mine.toml").write_text("".join(f"{key} = {text}\n" for key, text in lines.items()))
        message = refused("run", "-m", "vit_p_1mf", "--recipe", "mine.toml", "--dry-run")
        assert "'mine'" in message, value


TEXTS = [
    b"",
    b"\xef\xbb\xbfepochs = 1",
    b"\xff",
    b"epochs",
    b"[epochs]",
    b"epochs = 1\nepochs = 2",
    b"\0",
    b"{}",
    b"[[a]]\n" * 10,
    b"a.b.c = 1",
    b"Epochs = 1",
    b"a = " + b"[" * 100_000,
    b"<html>",
    b"name = 'x'",
]


@pytest.mark.parametrize("text", TEXTS, ids=[repr(text)[:30] for text in TEXTS])
def test_what_is_no_recipe_is_named(text, refused, place):
    (place / "mine.toml").write_bytes(text)
    assert "mine" in refused("run", "-m", "vit_p_1mf", "--recipe", "mine.toml", "--dry-run")


# ---- data


def idx(*shape: int, size: int | None = None) -> bytes:
    count = int(np.prod(shape)) if size is None else size
    return bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + bytes(count)


IDX = {
    "no bytes": b"",
    "header only": idx(120, 6, 6, size=0),
    "floats": b"\0\0\x0d\3" + idx(120, 6, 6)[4:],
    "big-endian magic": b"\x08\0\0\3" + idx(120, 6, 6)[4:],
    "an image": b"\x89PNG\r\n\x1a\n" + bytes(99),
    "dimensions that overflow": idx(2**31, 2**31, 4, size=0),
    "255 dimensions": idx(*[1] * 255),
    "no dimension": idx(),
    "no pixels": idx(120, 0, 0),
    "one dimension": idx(4320),
    "not square": idx(120, 4, 9),
    "too long": idx(120, 6, 6) + b"\0",
    "too many": idx(121, 6, 6),
    "none": idx(0, 6, 6),
}


@pytest.mark.parametrize("content", IDX.values(), ids=IDX)
def test_images_of_another_format_are_named(content, refused, place):
    for part, n in (("train", 120), ("t10k", 30)):
        (place / "a_folder" / f"{part}-images-idx3-ubyte").write_bytes(idx(n, 6, 6))
        (place / "a_folder" / f"{part}-labels-idx1-ubyte").write_bytes(idx(n)[:8] + bytes([0, 1] * (n // 2)))
    (place / "a_folder/train-images-idx3-ubyte").write_bytes(content)
    words = "run -m vit_p_1mf --lr 1 --wd 1 --recipe fashion_mnist --dry-run --data a_folder"
    assert "a_folder/train-images-idx3-ubyte" in refused(*split(words))


DRY_FOLDER = "run -m vit_p_1mf --lr 1 --wd 1 --recipe folder --dry-run --data a_folder"


def images(folder, n: int, px: int = 4) -> None:
    folder.mkdir(parents=True)
    for i in range(n):
        Image.new("RGB", (px, px), (i, i, i)).save(folder / f"{i}.png")


def test_image_folders_that_are_none_are_named(refused, place):
    folder, words = (
        place / "a_folder",
        "run -m vit_p_1mf --lr 1 --wd 1 --recipe folder --dry-run --data a_folder",
    )
    call = lambda: refused(*split(words))  # noqa: E731
    assert "no folder train/" in call()
    (folder / "train").mkdir()
    assert "two or more class folders, found 0" in call()
    images(folder / "train/cat", 150)
    assert "found 1: ['cat']" in call()
    (folder / "train/loop").symlink_to("loop")
    assert "found 1: ['cat']" in call()
    (folder / "train/dog/deeper").mkdir(parents=True)
    (folder / "train/dog/deeper/0.png").write_bytes((folder / "train/cat/0.png").read_bytes())
    assert "train/dog holds no image" in call()
    (folder / "train/dog/0.png").symlink_to("0.png")
    assert "train/dog/0.png" in call()
    (folder / "train/dog/0.png").unlink()
    for content in (b"", b"a text", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"\xff\xd8\xff\xe0"):
        (folder / "train/dog/0.jpg").write_bytes(content)
        assert "train/dog/0.jpg is not a readable image" in call()
    (folder / "train/dog/0.jpg").unlink()
    (folder / "train/dog/0.png").mkdir()
    assert "train/dog/0.png" in call()


def test_classes_of_the_validation_split_are_those_of_the_training_split(refused, place):
    words = split("run -m vit_p_1mf --lr 1 --wd 1 --recipe folder --dry-run --data a_folder")
    for name in ("train/cat", "train/dog", "val/cat", "val/cow"):
        images(place / "a_folder" / name, 2)
    assert "differ in their classes: cow, dog" in refused(*words)
    (place / "a_folder/val/cow").rename(place / "a_folder/val/dog")
    assert "minibatches of 128 images, but there are only 3" in refused(*words)


# ---- what others wrote

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
