from dataclasses import replace

from support.plans import a_plan

from sweep.recipes.loading import load
from sweep.results.recipe_names import recipe_names


def names(*plans):
    found = recipe_names(plans)
    return [found[plan.name] for plan in plans]


def test_recipes_of_one_content_keep_their_name():
    assert names(a_plan(), a_plan(model="vit_c_1mf")) == ["digits", "digits"]
    assert names(a_plan(), a_plan(recipe=load("fashion_mnist"))) == ["digits", "fashion_mnist"]


def test_fields_that_differ_are_named():
    short = a_plan(recipe=load("digits", epochs=4))
    fields = names(a_plan(), short)
    assert fields[1] == "digits (epochs 4)"
    assert fields[0].startswith("digits (epochs ")
    subset = a_plan(recipe=replace(load("digits"), train_subset=640), data_fingerprint="ffff")
    assert names(a_plan(), subset) == ["digits (train_subset not given)", "digits (train_subset 640)"]


def test_data_are_named_where_nothing_else_differs():
    other = a_plan(data_fingerprint="fedcba9876543210")
    assert names(a_plan(), other) == ["digits (data 01234567)", "digits (data fedcba98)"]
