"""What may be swept beside learning rate and weight decay, and what is said of the rest."""

import pytest

from sweep.errors import InputError
from sweep.planning.command_options import Request
from sweep.planning.plans import make_plans


def over(text: str, **changes):
    (planned,) = make_plans(Request(**{"models": ["vit_p_1mf"], "n": 2, "over": text} | changes))
    return planned.plan


def test_the_default_is_learning_rate_and_weight_decay():
    assert over("lr,weight_decay") == over("weight_decay, lr") == over(None)  # type: ignore[arg-type]


def test_the_order_changes_nothing():
    one = over("lr,weight_decay,beta2=0.9:0.999:logit,warmup_epochs=0:5")
    assert one == over("warmup_epochs=0:5,beta2=0.9:0.999:logit,weight_decay,lr")


def test_the_optimum_has_what_is_trained_without():
    plan = over("lr,weight_decay,beta2=0.9:0.999:logit,warmup_epochs=0:5,drop_path_rate=0:0.3@0.1")
    assert dict(plan.trials[0].over) == {
        "beta2": 0.999,
        "warmup_epochs": plan.recipe.warmup_epochs,
        "drop_path_rate": 0.1,
    }


def test_an_argument_that_was_given_is_the_optimum():
    plan = over("lr,weight_decay,drop_path_rate=0:0.3", model_args="drop_path_rate=0.2", lr=1e-3, wd=0.1)
    assert dict(plan.trials[0].over) == {"drop_path_rate": 0.2}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "beta3=0:1@0",
            "unknown hyperparameter 'beta3'. Did you mean beta2 or beta1? vit_p_1mf does not",
        ),
        ("momentum=0:1", "adamw has no momentum; sgd and muon have"),
        ("batch=16:64:integer", "batch cannot be swept: the trials of a sweep share it"),
        ("num_classes=2:4:integer@2", "num_classes cannot be swept: the data decide it"),
        ("beta2=0.9:1.5", "beta2 of adamw lies in 0 to 1, got 1.5"),
        ("beta2=-0.5:0.999", "beta2 of adamw lies in 0 to 1, got -0.5"),
        ("warmup_epochs=0:500", "warmup_epochs must lie in 0 … 25"),
        ("label_smoothing=a|b@a", "label_smoothing of a recipe is a number, got 'a'"),
        ("drop_path_rate=0:0.3", "its value at the optimum is not known"),
        ("drop_path_rate=0:1.5@0", "drop_path_rate is a probability, from 0 to below 1, got 1.5"),
        ("attn_drop_rate=-0.1:0.5@0", "attn_drop_rate is a probability, from 0 to below 1, got -0.1"),
        ("embed_dim=32:64:integer@32", "cannot be built"),
        ("num_heads=2:4:integer@2", "cannot be built"),
    ],
)
def test_what_nobody_takes(text, said):
    with pytest.raises(InputError) as caught:
        over(f"lr,weight_decay,{text}")
    assert said in str(caught.value)


def test_all_problems_at_once():
    with pytest.raises(InputError) as caught:
        over("lr,momentum=0:1,batch=1:2:integer,beta2=2:3", optimizer="adamw")
    for part in ("adamw has no momentum", "batch cannot be swept", "beta2: its value at the optimum"):
        assert part in str(caught.value)


def test_a_grid_finer_than_a_choice():
    with pytest.raises(InputError, match="x has 2 values, fewer than the 3 of a grid's side"):
        over("lr,x=a|b@a", models=[], trainer="json:loads", epochs=1, lr=1, wd=1, design="grid", n=9)


def test_a_name_that_the_sweep_itself_uses(monkeypatch):
    with pytest.raises(InputError, match="seed is what the sweep itself calls something of a trial"):
        over("lr,seed=0:9@1", models=[], trainer="json:loads", epochs=1, lr=1, wd=1)
