"""Compiled models train as uncompiled ones do but for rounding, and are compiled once for all trials."""

import pytest
import torch
from support.killing import Killed, Killing, run, same
from support.ranks import EMA, MIXED, RECIPE, close, just_train, together, trained
from support.training import Dropping, make_batches, make_recipe, make_trial

from sweep.models import timm_models
from sweep.training.compiling import CompilationError
from sweep.training.ranks import ALONE

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("one_thread", "compiler")]


@pytest.fixture(scope="module")
def compiler():
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        get_cpp_compiler()
    except InvalidCxxCompiler:
        pytest.skip("torch finds no C++ compiler")


def graphs() -> int:
    """How many graphs have been compiled in this process."""
    return torch._dynamo.utils.counters["stats"]["unique_graphs"]


@pytest.mark.parametrize("model", ["vit_p_1mf", "vit_c_1mf", "regnety_1mf"])
def test_it_is_the_same_training_but_for_rounding(model):
    recipe = RECIPE | EMA | MIXED
    trial = make_trial(model, "sgd", lr=1e-3)
    eager = trained([trial], make_recipe(**recipe), ALONE)
    compiled = trained([trial], make_recipe(**recipe, compile=True), ALONE)
    assert close(compiled, eager, rtol=1e-3, atol=1e-4)
    assert not same(compiled, eager), "nothing was compiled"


def test_another_trial_compiles_nothing():
    recipe = make_recipe(compile=True)
    batches = make_batches(recipe)
    run([make_trial("vit_c_1mf")], recipe, batches)
    before = graphs()
    assert before
    for optimizer, lr, weight_decay in (("adamw", 3e-3, 0.1), ("adamw", 1e30, 0.0), ("sgd", 0.1, 1e-4)):
        run([make_trial("vit_c_1mf", optimizer, lr, weight_decay, seed=7)], recipe, batches)
        assert graphs() == before
    run([make_trial("vit_p_1mf")], recipe, batches)
    assert graphs() > before, "graphs are not counted any more"


@pytest.mark.parametrize("model", ["vit_c_1mf", "dropping"])
def test_killed_it_ends_as_if_it_had_not_been(model, weights, monkeypatch, tmp_path):
    if model == "dropping":  # it draws random numbers while it trains
        monkeypatch.setattr(timm_models, "create", lambda *_, **__: Dropping(10))
        model = "vit_c_1mf"
    recipe = make_recipe(compile=True, ema_steps=2)
    batches, trial = make_batches(recipe), make_trial(model)
    undisturbed = run([trial], recipe, batches)
    torch._dynamo.reset()  # as in another worker
    with pytest.raises(Killed):
        run([trial], recipe, batches, Killing(tmp_path / "k", dies_at=4))
    assert run([trial], recipe, batches, Killing(tmp_path / "k")) == undisturbed
    assert same(*weights)


def test_two_processes_compile_too(tmp_path):
    recipe = make_recipe(**RECIPE | EMA, compile=True)
    trials = [make_trial("vit_c_1mf", "sgd", lr=0.05)]
    alone = trained(trials, recipe, ALONE)
    one, other = together(tmp_path / "two", just_train, trials, recipe)
    assert close(one, alone)
    assert one["records"] == other["records"]


def test_any_number_of_models_is_compiled():
    """Torch's own limit is eight of one piece of code, and more would not be compiled."""
    torch._dynamo.reset()
    before = graphs()
    for depth in range(1, 11):
        recipe = make_recipe(compile=True, epochs=1)
        run([make_trial(f"vit_p_1mf(depth={depth})")], recipe, make_batches(recipe))
    assert graphs() - before >= 10


def test_without_a_compiler_it_says_so(monkeypatch):
    torch._dynamo.reset()
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", ("no-such-compiler",))
    monkeypatch.setattr(torch._inductor.config, "force_disable_caches", True)
    recipe = make_recipe(compile=True)
    with pytest.raises(CompilationError, match=r"the model could not be compiled: .*compiler") as error:
        run([make_trial()], recipe, make_batches(recipe))
    assert len(str(error.value).splitlines()) == 1
