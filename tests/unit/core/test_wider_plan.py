"""Plans over more than learning rate and weight decay."""

import dataclasses
import json

import pytest
from support.plans import a_plan, keys

from search_spaces import Hyperparameter
from sweep.core.plan import Plan
from sweep.errors import DamagedError

BETA2 = Hyperparameter(name="beta2", scale="logit", low=0.9, high=0.999, optimum=0.99)
WARMUP = Hyperparameter(name="warmup_epochs", scale="linear", low=0.0, high=5.0, optimum=2.0)
ACT = Hyperparameter(name="act", scale="choice", choices=("relu", "gelu"), optimum="gelu")


def test_a_wider_sweep_is_another_one_with_the_same_learning_rates():
    usual, wider = a_plan(), a_plan(over=(BETA2, WARMUP))
    assert usual.name != wider.name
    assert not set(keys(usual)) & set(keys(wider))
    assert [(t.lr, t.weight_decay, t.seed) for t in usual.trials] == [
        (t.lr, t.weight_decay, t.seed) for t in wider.trials
    ]


def test_at_the_optimum_each_has_its_own_value_and_at_a_point_the_designs():
    optimum, *points = a_plan(over=(ACT, BETA2)).trials
    assert optimum.over == (("act", "gelu"), ("beta2", 0.99))
    assert optimum.u_over == ()
    for point in points:
        u_act, u_beta2 = point.u_over
        assert point.over == (("act", ACT.value(u_act)), ("beta2", BETA2.value(u_beta2)))


def test_what_is_not_swept_stays_at_the_optimum():
    plan = a_plan(over=(BETA2,), fixed=("weight_decay",))
    assert plan.swept == ("lr", "beta2")
    for point in plan.trials[1:]:
        assert (point.weight_decay, point.u_wd) == (0.04, None)
        assert point.lr == pytest.approx(0.005 / 8 * 32**point.u_lr, rel=1e-7)


@pytest.mark.parametrize("changes", [{"over": (ACT, BETA2, WARMUP)}, {"fixed": ("lr",), "over": (BETA2,)}])
def test_its_file_reads_back(changes):
    plan = a_plan(seeds=2, repeated=[1], **changes)
    assert Plan.from_json(plan.to_json(), "plan.json") == plan
    values = json.loads(plan.to_json())
    del values["checksum"]
    assert Plan.from_json(json.dumps(values), "plan.json") == plan, "its trials are made again"
    values["trials"][1]["over"][-1][1] = 0.97
    with pytest.raises(DamagedError, match="was changed after it was written"):
        Plan.from_json(json.dumps(values), "plan.json")


def test_a_usual_plans_file_knows_nothing_of_it():
    assert not {"over", "u_over", "fixed"} & set(json.loads(a_plan().to_json())["trials"][0])
    assert not {"over", "fixed"} & set(json.loads(a_plan().to_json()))


def test_a_key_holds_each_value():
    plan = a_plan(over=(BETA2, WARMUP))
    others = [
        a_plan(over=(dataclasses.replace(BETA2, high=0.99), WARMUP)),
        a_plan(over=(BETA2, dataclasses.replace(WARMUP, optimum=1.0))),
        a_plan(over=(BETA2,)),
    ]
    assert plan.trials[0].key != others[1].trials[0].key
    assert not set(keys(plan)[1:]) & set(keys(others[0])[1:])
    assert not set(keys(plan)) & set(keys(others[2]))
