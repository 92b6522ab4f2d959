from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans, plan_together
from sweep.planning.studies import KINDS, Study, best_optimizer, lengths_of, requests_of
from sweep.recipes.loading import load

TRIO = ["vit_p_1mf", "vit_c_1mf", "regnety_1mf"]


ONE_EPOCH = 'dataset = "digits"\nmax_px = 16\nepochs = 1\nbatch = 64\nwarmup_epochs = 0\n'


def expanded(**words):
    return [
        (request.epochs, request.optimizer, model)
        for request in requests_of(Study(**words))
        for model in request.models
    ]


def test_lengths_has_each_model_with_its_best_optimizer_at_multiples_of_the_recipes_length():
    assert expanded(kind="lengths") == [
        (epochs, optimizer, model)
        for epochs in (100, 50, None, 12)
        for optimizer, model in (("adamw", "vit_p_1mf"), ("adamw", "vit_c_1mf"), ("sgd", "regnety_1mf"))
    ]
    assert {request.n for request in requests_of(Study(kind="lengths"))} == {None}


def test_optimizers_has_each_model_with_both():
    got = expanded(kind="optimizers", epochs=[3, 9, 3])
    assert got == [(e, o, m) for e in (9, 3) for o in ("adamw", "sgd") for m in TRIO]


def test_hyperparameters_has_points_for_each_model_and_optimizer():
    requests = requests_of(Study(kind="hyperparameters", n=16, seeds=3, design="sobol", seed=5))
    assert [(r.optimizer, r.epochs, r.models) for r in requests] == [
        ("adamw", None, TRIO),
        ("sgd", None, TRIO),
    ]
    assert {(r.n, r.seeds, r.design, r.seed) for r in requests} == {(16, 3, "sobol", 5)}


def test_the_studys_own_sizes_and_lengths_on_imagenet():
    assert [lengths_of(Study(kind=kind), load("imagenet")) for kind in KINDS] == [
        [50, 100, 200, 400],
        [50, 100, 200, 400],
        [50],
        [100, 200, 400],
    ]
    sweeps = expanded(kind="hyperparameters", recipe="imagenet")
    assert len(sweeps) == 18, "the study's 18 sweeps, 1,152 trainings"
    names = (
        "vit_p_1gf vit_p_4gf vit_p_18gf vit_c_1gf vit_c_4gf vit_c_18gf regnety_1gf regnety_4gf regnety_16gf"
    )
    assert {model for _, _, model in sweeps} == set(names.split())
    assert len(expanded(kind="peak", recipe="imagenet")) == 36, "the published table"


def test_every_model_of_the_studies_on_imagenet_has_an_optimum():
    import search_spaces

    for kind in KINDS:
        for _, optimizer, model in expanded(kind=kind, recipe="imagenet"):
            search_spaces.find(model, optimizer, "imagenet")


def test_the_longest_trainings_of_vits_have_the_studys_optimum_for_them(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "sweep.recipes.loading.shipped", lambda: ("digits",)
    )  # a small one of that name stands for it
    imagenet = str(tmp_path / "imagenet.toml")
    Path(imagenet).write_text(
        'dataset = "digits"\nmax_px = 32\nepochs = 50\nbatch = 512\nwarmup_epochs = 5\n'
    )
    study = Study(kind="lengths", recipe=imagenet, models=["vit_p_1gf"])
    plans = {p.plan.recipe.epochs: p.plan for p in plan_together(requests_of(study))}
    assert [plans[e].optimum_lr for e in (50, 100, 200, 400)] == [5.0e-4, 5.0e-4, 5.0e-4, 2.5e-4]
    assert "found for 50 epochs, used for 200" in plans[200].optimum_source
    assert "used for" not in plans[400].optimum_source


def test_sizes_are_panels_and_models_join_them():
    assert expanded(kind="peak", sizes=["16GF"], epochs=[1]) == expanded(
        kind="peak", sizes=["18gf"], epochs=[1]
    )
    got = expanded(kind="optimizers", sizes=["1mf"], models=["vit_s1_4gf", "vit_c_1mf"], epochs=[1])
    assert [model for _, optimizer, model in got if optimizer == "sgd"] == [*TRIO, "vit_s1_4gf"]
    assert expanded(kind="lengths", models=["resnet18"], epochs=[1, 2]) == [
        (2, "adamw", "resnet18"),
        (1, "adamw", "resnet18"),
    ]


def test_the_best_optimizer_is_the_studys():
    assert [best_optimizer(m) for m in ("regnety_16gf", "vit_c_1mf", "resnet18")] == ["sgd", "adamw", "adamw"]
    assert {o for _, o, _ in expanded(kind="lengths", optimizers=["sgd"])} == {"sgd"}


def test_studies_share_their_trainings_with_each_other_and_with_run():
    def keys(planned):
        return {trial.key for each in planned for trial in each.plan.trials}

    lengths, optimizers, hyperparameters = (
        keys(plan_together(requests_of(Study(kind=kind, seeds=2, n=4)))) for kind in KINDS[:3]
    )
    assert lengths < optimizers
    assert len(lengths & hyperparameters) == 6
    run = keys(make_plans(Request(models=TRIO, n=4, seeds=2)))
    assert len(run & hyperparameters) == 18
    assert len(run & lengths) == 4, "two models, two seeds, at the recipe's own length"


def test_only_where_robustness_is_measured_is_an_optimum_trained_five_times():
    assert {kind: {request.seeds for request in requests_of(Study(kind=kind))} for kind in KINDS} == {
        "lengths": {1},
        "optimizers": {1},
        "hyperparameters": {5},
        "peak": {1},
    }


def test_one_epoch_and_all_its_multiples_are_lengths(tmp_path):
    Path(tmp_path / "one.toml").write_text(ONE_EPOCH)
    assert lengths_of(Study(kind="lengths"), load(str(tmp_path / "one.toml"))) == [1, 2, 4]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"kind": "peak", "sizes": ["2gf"]}, "Did you mean 32gf|unknown size '2gf'"),
        ({"kind": "peak", "sizes": [""]}, "unknown size ''"),
        ({"kind": "optimizers", "optimizers": ["adam"]}, "Did you mean adamw"),
        ({"kind": "lengths", "optimizers": ["adamw", "sgd"]}, "takes one `optimizer`, got adamw, sgd"),
        ({"kind": "lengths", "epochs": [5, 5]}, "at least two lengths, got only `epochs` 5"),
        ({"kind": "hyperparameters", "epochs": [5, 6]}, "takes one `epochs`, got 5, 6"),
        ({"kind": "peak", "recipe": "digit"}, "Did you mean digits"),
    ],
)
def test_what_no_study_has_is_refused(words, message):
    with pytest.raises(InputError, match=message):
        requests_of(Study(**words))


def test_the_box_is_that_of_the_request():
    (adamw, sgd) = requests_of(Study(kind="hyperparameters", models=["vit_p_1mf"], box_down=2, box_up=3))
    assert {(adamw.box_down, adamw.box_up), (sgd.box_down, sgd.box_up)} == {(2, 3)}
    plan = make_plans(adamw)[0].plan
    assert plan.box.lr_low == pytest.approx(plan.optimum_lr / 2)
    assert plan.box.wd_high == pytest.approx(plan.optimum_wd * 3)
