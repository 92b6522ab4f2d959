"""Bad plans: refused by one message that names the file, and left as they are."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.command_lines import split
from support.nasty import NASTY, few

READERS = ("status", "export --out x.csv", "cdf --out x.pdf")


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
