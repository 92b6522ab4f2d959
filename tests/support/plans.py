"""Small plans."""

from search_spaces import Optimum, around
from sweep.core.plan import Plan, make_plan
from sweep.recipes.loading import load

OPTIMUM = Optimum(lr=0.005, weight_decay=0.04, batch=64, source="test")


def a_plan(**changes) -> Plan:
    arguments = {
        "model": "vit_p_1mf",
        "optimizer": "adamw",
        "recipe": load("digits"),
        "px": 16,
        "data_fingerprint": "0123456789abcdef",
        "classes": 10,
        "n": 4,
        "design": "iid",
        "seed": 0,
        "optimum": OPTIMUM,
        "box": around(OPTIMUM),
    }
    return make_plan(**(arguments | changes))


def keys(plan: Plan) -> list[str]:
    return [trial.key for trial in plan.trials]
