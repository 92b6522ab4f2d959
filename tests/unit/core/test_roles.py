"""Roles are one closed set of words, written as they always were."""

import dataclasses
import json

import pytest

from search_spaces import Box, Optimum, around
from sweep.core.plan import Plan, make_plan
from sweep.core.search_plan import SearchPlan
from sweep.core.trial import Role, read_trial
from sweep.errors import DamagedError
from sweep.workspace.journal import Journal

TRIAL = {"key": "k", "model": "m", "optimizer": "sgd", "lr": 0.1, "weight_decay": 0.0, "seed": 1}


@pytest.fixture
def point(make_recipe):
    """A search's first point."""
    plan = SearchPlan(
        model="vit_p_1mf",
        optimizer="sgd",
        recipe=make_recipe(),
        px=16,
        data_fingerprint="f",
        classes=10,
        box=Box(lr_low=1e-4, lr_high=1e-1, wd_low=1e-3, wd_high=1.0),
        seed=0,
    )
    return plan.point(0, 0.25, 0.5)


@pytest.mark.parametrize("role", ["point", "optimum", "repeat", "finalist"])
def test_a_role_is_written_as_its_word_and_read_back(role):
    trial = read_trial(TRIAL | {"role": role})
    assert trial.role is Role(role)
    assert json.loads(json.dumps(dataclasses.asdict(trial)))["role"] == role
    assert f"{trial.role}" == role


@pytest.mark.parametrize("role", ["Point", "", None, 3, ["point"]])
def test_an_unknown_role_is_refused_with_those_that_are_known(role):
    with pytest.raises(ValueError, match=r"role must be one of point, optimum, repeat, finalist, got "):
        read_trial(TRIAL | {"role": role})


def test_a_journal_with_an_unknown_role_is_damaged(tmp_path, point):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append("start", point.key, point)
    line = journal.path.read_text()
    assert Journal(journal.path).trials[point.key].spec == point
    journal.path.write_text(line.replace('"role": "point"', '"role": "pointy"'))
    with pytest.raises(DamagedError, match=r"line 1 is damaged: role must be one of .*, got 'pointy'"):
        Journal(journal.path)


def test_a_plan_with_an_unknown_role_is_damaged(make_recipe):
    optimum = Optimum(lr=0.01, weight_decay=0.1, batch=32, source="here")
    plan = make_plan(
        model="vit_p_1mf",
        optimizer="sgd",
        recipe=make_recipe(),
        px=16,
        data_fingerprint="f",
        classes=10,
        n=2,
        design="iid",
        seed=0,
        optimum=optimum,
        box=around(optimum),
    )
    text = plan.to_json()
    assert Plan.from_json(text, "plan.json") == plan
    damaged = text.replace('"role": "optimum"', '"role": "optimal"')
    with pytest.raises(DamagedError, match=r"plan\.json .*damaged: .*role must be one of .*got 'optimal'"):
        Plan.from_json(damaged, "plan.json")
