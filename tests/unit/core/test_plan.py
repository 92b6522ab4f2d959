import dataclasses
import json
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.plans import OPTIMUM, a_plan, keys

from search_spaces import around
from sweep.core import plan as plan_module
from sweep.core.plan import Plan
from sweep.errors import InputError
from sweep.recipes.loading import load


def test_the_optimum_comes_first_and_is_not_counted():
    plan = a_plan()
    first, *points = plan.trials
    assert (first.role, first.index, first.lr, first.weight_decay) == ("optimum", -1, 0.005, 0.04)
    assert first.u_lr is None
    assert [point.index for point in points] == [0, 1, 2, 3]
    assert plan.n == 4


def test_every_model_is_tried_at_the_same_relative_points_with_the_same_seeds():
    one, other = a_plan(), a_plan(model="vit_c_1mf", optimum=dataclasses.replace(OPTIMUM, lr=0.02))
    assert [(t.u_lr, t.u_wd, t.seed) for t in one.trials] == [(t.u_lr, t.u_wd, t.seed) for t in other.trials]
    assert not set(keys(one)) & set(keys(other))


def test_points_lie_where_their_relative_points_say():
    plan = a_plan(n=50)
    for trial in plan.trials[1:]:
        assert trial.lr == pytest.approx(0.005 / 8 * 32**trial.u_lr, rel=1e-7)
        assert trial.weight_decay == pytest.approx(0.04 / 8 * 32**trial.u_wd, rel=1e-7)


def test_weight_seeds_differ_from_trial_to_trial():
    seeds = [trial.seed for trial in a_plan(n=64).trials]
    assert len(set(seeds)) == 65


def test_an_optimum_found_for_another_schedule_says_so():
    from sweep.planning.command_options import Request
    from sweep.planning.plans import make_plans

    (planned,) = make_plans(Request(models=["vit_p_1mf"], n=1, epochs=3))
    assert planned.plan.optimum_source.endswith("found for 25 epochs, used for 3")


def test_trials_at_the_optimum_differ_in_their_seed_alone():
    (first, second, third), points = a_plan(seeds=3).trials[:3], a_plan(seeds=3).trials[3:]
    assert [first.repeat, second.repeat, third.repeat] == [0, 1, 2]
    for trial in (second, third):
        assert dataclasses.replace(trial, repeat=0, seed=first.seed, key=first.key) == first
    assert len({trial.seed for trial in a_plan(n=64, seeds=1000).trials}) == 1064
    assert points == a_plan().trials[1:]
    assert (a_plan(seeds=3).seeds, a_plan(seeds=3).n) == (3, 4)


def test_seeds_at_the_optimum_are_the_same_for_every_model_and_design():
    def of(plan: Plan) -> list[int]:
        return [trial.seed for trial in plan.trials if trial.role == "optimum"]

    assert of(a_plan(seeds=5)) == of(a_plan(seeds=5, model="vit_c_1mf", optimizer="sgd", n=9))
    assert keys(a_plan(seeds=5))[:5] == keys(a_plan(seeds=5, design="grid"))[:5]
    assert not set(of(a_plan(seeds=5))) & set(of(a_plan(seeds=5, seed=1)))


def test_a_repeated_point_differs_in_its_seed_alone_and_is_no_point_more():
    plan, bare = a_plan(n=64, seeds=3, repeated=(12, 40)), a_plan(n=64, seeds=3)
    assert plan.trials[: len(bare.trials)] == bare.trials
    assert (plan.n, plan.seeds, plan.name) == (bare.n, bare.seeds, bare.name)
    again = plan.trials[len(bare.trials) :]
    assert again == plan.repeats
    assert {t.role for t in again} == {"repeat"}
    assert [(t.index, t.repeat) for t in again] == [(i, k) for i in (12, 40) for k in (1, 2)]
    for trial in again:
        point = bare.trials[3 + trial.index]
        assert dataclasses.replace(trial, role="point", repeat=0, seed=point.seed, key=point.key) == point
    seeds = [trial.seed for trial in a_plan(n=64, seeds=100, repeated=range(64)).trials]
    assert len(set(seeds)) == len(seeds) == 64 + 100 + 64 * 99


def test_seeds_of_a_repeated_point_are_the_same_for_every_model():
    one, other = (a_plan(seeds=3, repeated=[1], model=name) for name in ("vit_p_1mf", "vit_c_1mf"))
    assert [t.seed for t in one.repeats] == [t.seed for t in other.repeats]


def again(plan):
    return {(trial.index, trial.repeat) for trial in plan.repeats}


def test_every_point_with_several_seeds_is_every_point_repeated():
    every = a_plan(n=4, seeds=5, seeds_per_point=3)
    assert every == a_plan(n=4, seeds=5).joined(a_plan(n=4, seeds=3, repeated=range(4)))
    assert again(a_plan(n=2, seeds=4, seeds_per_point=2, repeated=[1])) == {(0, 1), (1, 1), (1, 2), (1, 3)}


places = st.tuples(st.integers(4, 9), st.integers(2, 4), st.sets(st.integers(0, 3), max_size=3))


@given(one=places, other=places)
def test_repeats_grow_in_any_order_and_read_back(one, other):
    a, b = (a_plan(n=n, seeds=k, repeated=repeated) for n, k, repeated in (one, other))
    joined = a.joined(b)
    assert joined == b.joined(a)
    assert joined.name == a.name
    assert joined.first(a.n, a.seeds, again(a)) == a
    assert joined.first(b.n, b.seeds, again(b)) == b
    assert {t.key for t in joined.repeats} == {t.key for t in (*a.repeats, *b.repeats)}
    assert Plan.from_json(joined.to_json(), "plan.json") == joined
    assert Plan.from_json(json.dumps(joined.to_dict()), "plan.json") == joined


@given(n=st.integers(1, 20), seeds=st.integers(1, 5))
def test_a_plan_without_points_is_the_beginning_of_the_one_with_points(n, seeds):
    bare, whole = a_plan(n=0, seeds=seeds), a_plan(n=n, seeds=seeds)
    assert [trial.role for trial in bare.trials] == ["optimum"] * seeds
    assert (bare.n, bare.name) == (0, whole.name)
    assert whole.first(0, seeds) == bare
    assert bare.joined(whole) == whole
    assert Plan.from_json(json.dumps(bare.to_dict()), "plan.json") == bare


@given(one=st.tuples(*[st.integers(1, 20)] * 2), other=st.tuples(*[st.integers(1, 20)] * 2))
def test_points_and_seeds_grow_in_any_order(one, other):
    n, seeds = map(max, zip(one, other, strict=True))
    (a, b), whole = (a_plan(n=n, seeds=k) for n, k in (one, other)), a_plan(n=n, seeds=seeds)
    assert a.name == b.name == whole.name
    assert a.joined(b) == b.joined(a) == whole
    assert whole.first(*one) == a


@given(small=st.integers(1, 40), more=st.integers(0, 40), seed=st.integers(0, 2**31))
def test_a_larger_n_goes_on_with_the_smaller_ones_sweep(small, more, seed):
    one, other = a_plan(n=small, seed=seed), a_plan(n=small + more, seed=seed)
    assert other.name == one.name
    assert keys(other)[: small + 1] == keys(one)
    assert other.first(small, 1) == one


@pytest.mark.parametrize(
    "change",
    [
        {"model": "vit_c_1mf"},
        {"optimizer": "sgd"},
        {"recipe": load("digits", epochs=24)},
        {"px": 32},
        {"data_fingerprint": "another"},
        {"seed": 1},
        {"optimum": dataclasses.replace(OPTIMUM, lr=0.0050000000000000001), "box": around(OPTIMUM)},
    ],
)
def test_what_determines_a_result_is_in_its_key(change):
    same = change.keys() == {"optimum", "box"}  # the very same float, written otherwise
    assert (set(keys(a_plan(**change))) == set(keys(a_plan()))) is same


def test_what_does_not_determine_a_result_is_not_in_its_key():
    renamed = dataclasses.replace(load("digits"), name="mine")
    assert keys(a_plan(recipe=renamed)) == keys(a_plan())
    assert a_plan(design="sobol", n=16).trials[0].key == a_plan().trials[0].key


def test_keys_are_the_same_in_another_process_with_another_hash_seed():
    code = "import support.plans; print(*support.plans.keys(support.plans.a_plan()))"
    for hash_seed in ("1", "2"):
        ran = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd="tests",
            env={"PYTHONHASHSEED": hash_seed},
        )
        assert ran.stdout.split() == keys(a_plan())


def test_a_large_sweeps_name_costs_no_more_than_a_small_ones():
    plan = a_plan(n=3000)
    started = time.monotonic()
    assert {plan.name for _ in range(300)} == {a_plan(n=4).name}
    assert time.monotonic() - started < 3  # asked for with every trial; listing all trials: minutes


def test_keys_do_not_change_from_version_to_version():
    # Written down once. If this fails, every result that anyone has is orphaned: do not update it lightly.
    assert keys(a_plan(n=1)) == ["238b13c6ca1492ae", "0e37f7becf7be2eb"]
    assert keys(a_plan(n=1, seeds=2, repeated=[0]))[-1] == "be9df943ea6dca3b"
    assert keys(a_plan(n=1, seeds=3)) == [
        "238b13c6ca1492ae",
        "9efaa98fd4836e90",
        "fa7e6c121900eee8",
        "0e37f7becf7be2eb",
    ]


@pytest.mark.parametrize(
    ("changes", "first", "last"),
    [
        ({"optimizer": "sgd", "n": 1}, "7b01294339cae3ac", "a84e8bb24631854e"),
        ({"model": "vit_c_1gf", "px": 224, "n": 1}, "1fe7641a40a4c5e8", "02573e0d1efb77ac"),
        ({"recipe": load("digits", epochs=3), "n": 1}, "58054e1e1e680e8c", "7f0791b0e8826b55"),
        ({"recipe": load("fashion_mnist"), "n": 1}, "b760a96e1d28df29", "daa495f009f66a34"),
        ({"recipe": load("folder"), "px": 224, "n": 1}, "6478618b829101ff", "da3fa44a6eaed26d"),
        ({"seed": 12345, "n": 1}, "106704cc4adc440c", "e72b13801e629292"),
        ({"design": "sobol", "n": 16}, "238b13c6ca1492ae", "e7bd270978d8cff2"),
        ({"design": "grid", "n": 4}, "238b13c6ca1492ae", "066699a86d96530a"),
    ],
)
def test_keys_of_every_kind_of_plan_stay_as_they_are(changes, first, last):
    # As above: a new release of numpy or scipy that draws other points must not pass unnoticed.
    trials = a_plan(**changes).trials
    assert (trials[0].key, trials[-1].key) == (first, last)


def test_keys_of_a_command_stay_as_they_are():
    # From the words of a command, so that the embedded data's fingerprint and split are pinned, too.
    from sweep.planning.command_options import Request
    from sweep.planning.plans import make_plans

    (planned,) = make_plans(Request(models=["vit_p_1mf"], n=1, seeds=1, lr=0.01, wd=0.1))
    assert keys(planned.plan) == ["6478467600c59bce", "e3d2a5cc93f74aa4"]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({}, "vit_p_1mf-adamw-digits-fd6dbc"),
        ({"n": 64, "seeds": 5}, "vit_p_1mf-adamw-digits-fd6dbc"),
        ({"design": "sobol", "n": 16}, "vit_p_1mf-adamw-digits-c50667"),
        ({"design": "grid"}, "vit_p_1mf-adamw-digits-193fc7"),
        ({"design": "grid", "seeds": 5}, "vit_p_1mf-adamw-digits-193fc7"),
        ({"design": "grid", "n": 9}, "vit_p_1mf-adamw-digits-4a2096"),
        ({"seed": 7}, "vit_p_1mf-adamw-digits-f19595"),
    ],
)
def test_names_do_not_change_from_version_to_version(changes, name):
    # Written down once: a sweep of another name does not go on with what there is.
    assert a_plan(**changes).name == name


def test_a_plan_from_before_optima_were_repeated_still_loads():
    values = json.loads(json.dumps(a_plan().to_dict()))
    for trial in values["trials"]:
        del trial["repeat"]
    assert Plan.from_json(json.dumps(values), "plan.json") == a_plan()


def test_a_plan_reads_back_as_it_was_written(monkeypatch):
    plan = a_plan(n=7, seeds=3)
    without_checksum = json.dumps(plan.to_dict())
    assert Plan.from_json(without_checksum, "plan.json") == plan
    monkeypatch.setattr(plan_module, "_trials", None)  # what the checksum vouches for is not made again
    assert Plan.from_json(plan.to_json(), "plan.json") == plan


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: v.update(version=99), "version 99"),
        (lambda v: v.pop("box"), "not a plan, or damaged"),
        (lambda v: v["trials"][2].update(lr=0.1), "changed after it was written"),
        (lambda v: v["trials"].pop(0), "changed after it was written"),
        (lambda v: v["trials"].pop(1), "changed after it was written"),
        (lambda v: v["trials"][0].update(repeat=1), "changed after it was written"),
        (lambda v: v["trials"][1].update(repeat=1), "changed after it was written"),
        (lambda v: v["trials"][1].update(role="optimum"), "changed after it was written"),
        (lambda v: v["trials"][1].update(role="repeat", repeat=1), "changed after it was written"),
        (lambda v: v["trials"].append(v["trials"][1] | {"role": "repeat"}), "changed after it was written"),
        (
            lambda v: v["trials"].append(v["trials"][1] | {"role": "repeat", "index": 9, "repeat": 1}),
            "changed after it was written|not a plan",
        ),
        (lambda v: v.update(seed=1), "changed after it was written"),
        (lambda v: v["recipe"].update(epochs=-1), "epochs must be at least 1"),
    ],
)
def test_a_damaged_or_altered_plan_is_refused(change, message):
    values = json.loads(a_plan().to_json())
    change(values)
    with pytest.raises(InputError, match=message):
        Plan.from_json(json.dumps(values), "some/plan.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"version": 1}', "\x00"])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(InputError, match=r"some/plan\.json"):
        Plan.from_json(text, "some/plan.json")
