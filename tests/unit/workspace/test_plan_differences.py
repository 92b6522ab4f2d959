import dataclasses

import pytest
from support.plans import OPTIMUM, a_plan
from support.workspaces import create

from search_spaces import around
from sweep.recipes.loading import load
from sweep.workspace.plan_differences import changes, moved
from sweep.workspace.workspace import Workspace

OTHER = dataclasses.replace(OPTIMUM, lr=0.01)


@pytest.fixture
def workspace(tmp_path):
    made = Workspace(tmp_path / "sweeps")
    create(made, a_plan())
    return made


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recipe": load("digits", epochs=3)}, ["epochs is 3, there 25"]),
        ({"data_fingerprint": "ffff"}, ["data_fingerprint is ffff, there 0123456789abcdef"]),
        ({"design": "sobol", "n": 16}, ["design is sobol, there iid"]),
        ({"design": "grid"}, ["design is grid, there iid", "n is 4, there None"]),
        ({"seed": 7}, ["seed is 7, there 0"]),
        ({"optimum": OTHER, "box": around(OTHER)}, ["optimum_lr is 0.01, there 0.005"]),
        (
            {"box": around(OTHER)},
            ["box.lr_low is 0.00125, there 0.000625", "box.lr_high is 0.04, there 0.02"],
        ),
        ({"seed": 7, "px": 32}, ["px is 32, there 16", "seed is 7, there 0"]),
    ],
)
def test_what_makes_it_another_sweep_is_said(workspace, change, said):
    plan = a_plan(**change)
    assert changes(plan, workspace) == (a_plan().name, said)
    assert plan.name != a_plan().name


@pytest.mark.parametrize("change", [{}, {"n": 9}, {"model": "vit_c_1mf"}, {"optimizer": "sgd"}])
def test_the_same_sweep_a_larger_one_and_others_models_are_no_change(workspace, change):
    assert changes(a_plan(**change), workspace) is None


def test_of_several_the_nearest_is_named(workspace):
    near = create(workspace, a_plan(seed=1, px=32))
    assert changes(a_plan(seed=2, px=32), workspace) == (near.name, ["seed is 2, there 1"])


def test_a_damaged_one_is_passed_over(workspace):
    (workspace.folder / a_plan().name / "plan.json").write_text("{")
    assert changes(a_plan(seed=1), workspace) is None
    assert moved(a_plan(optimum=OTHER, box=around(OTHER)), workspace) is None


def test_a_sweep_whose_optimum_alone_is_another_has_moved(workspace):
    create(workspace, a_plan(recipe=load("digits", epochs=3), optimum=OTHER, box=around(OTHER)))  # nearer
    assert moved(a_plan(optimum=OTHER, box=around(OTHER)), workspace) == a_plan()
    assert moved(a_plan(optimum=OTHER, box=around(OTHER), n=9, seeds=3), workspace) == a_plan()
    for change in ({}, {"seed": 1}, {"design": "sobol", "n": 16}, {"model": "vit_c_1mf"}):
        assert moved(a_plan(**change), workspace) is None
    assert moved(a_plan(optimum=OTHER, box=around(OTHER), seed=1), workspace) is None
    assert moved(a_plan(box=around(OPTIMUM, up=2)), workspace) is None, (
        "the box is another, the optimum is not"
    )
    assert moved(a_plan(optimum=OTHER, box=around(OTHER, up=2)), workspace) is None, "both are"


def test_a_plan_of_another_version_is_passed_over(workspace):
    path = workspace.folder / a_plan().name / "plan.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 99'))
    assert changes(a_plan(seed=1), workspace) is None
    assert moved(a_plan(optimum=OTHER, box=around(OTHER)), workspace) is None
