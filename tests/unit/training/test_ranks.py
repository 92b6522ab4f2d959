"""Several processes that train one trial give what one process gives: over Gloo, on a CPU."""

import dataclasses

import numpy as np
import pytest
from support.killing import Killing, same
from support.ranks import (
    EMA,
    MIXED,
    RECIPE,
    close,
    diverge_on_one,
    interrupted,
    just_train,
    processes,
    together,
    trained,
)
from support.training import make_recipe, make_trial

from sweep.errors import InputError
from sweep.training.ranks import ALONE, Ranks

pytestmark = pytest.mark.usefixtures("one_thread")
processes.set_forkserver_preload(["sweep.training.loop"])
STREAMED = {"augment": ("random_resized_crop", "flip", "auto_augment"), "test_crop": 0.875}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "changes", "count"),
    [
        ("vit_p_1mf", MIXED | EMA, 2),  # without BatchNorm
        ("vit_c_1mf", EMA, 4),  # with running averages
        (
            "regnety_1mf",
            STREAMED | MIXED | EMA | {"batchnorm_images": 50, "micro_batch": 12},
            3,
        ),  # uneven parts
        ("vit_p_1mf(drop_path_rate=0.3)", {}, 2),  # it draws random numbers while it trains
    ],
)
def test_several_processes_equal_one(model, changes, count, tmp_path):
    recipe = make_recipe(**RECIPE | changes)
    trials = [make_trial(model, "sgd", lr=0.05), make_trial(model, "sgd", lr=0.02, seed=1)]
    alone = trained(trials, recipe, ALONE)
    several = together(tmp_path / "t", just_train, trials, recipe, count=count)
    assert all(same(several[0], other) for other in several[1:]), "to the last bit"
    compared = ["records"] if model == "regnety_1mf" else ["records", "members"]
    assert all(close(several[0][part], alone[part]) for part in compared)
    assert not same(several[0], alone), "nobody has trained everything"


def test_micro_batches_equal_a_whole_minibatch_without_batchnorm():
    recipe = make_recipe(label_smoothing=0.1, **MIXED)
    whole = trained([make_trial(optimizer="sgd", lr=0.05)], recipe, ALONE)
    parts = trained([make_trial(optimizer="sgd", lr=0.05)], dataclasses.replace(recipe, micro_batch=8), ALONE)
    assert close(parts, whole)


@pytest.mark.slow
def test_what_diverges_on_one_process_has_diverged_on_all_at_the_same_step(tmp_path):
    recipe = make_recipe(**RECIPE | {"epochs": 2})
    trials = [make_trial(optimizer="sgd", lr=0.05, seed=seed) for seed in (0, 1)]
    one, other = together(tmp_path / "t", diverge_on_one, trials, recipe, 2)
    assert same(one, other)
    (first, second), (none, third) = one["records"]
    assert (first["diverged_step"], first["top1_err"], none) == (2, 100.0, None)
    assert np.isfinite(first["last_finite_loss"])
    assert second["diverged_step"] is None
    assert third["diverged_step"] is None


@pytest.mark.slow
def test_any_number_of_processes_goes_on_from_a_checkpoint_that_the_first_one_wrote(tmp_path):
    recipe, trial = make_recipe(**RECIPE | EMA | {"epochs": 2}), make_trial("vit_c_1mf", lr=1e-3)
    path = tmp_path / "k.ckpt"
    undisturbed, _ = together(tmp_path / "undisturbed", just_train, [trial], recipe)
    killed = together(tmp_path / "killed", interrupted, trial, recipe, path, 6)  # in the second epoch
    assert killed[0] is None
    whole = path.read_bytes()
    again = together(tmp_path / "again", interrupted, trial, recipe, path, None)
    assert same(again[0], undisturbed)
    assert same(again[1], undisturbed), "the second one has no file, and is told"
    path.write_bytes(whole)
    assert close(trained([trial], recipe, ALONE, [Killing(path)]), undisturbed, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("count", "batch", "micro_batch"), [(2, 32, 8), (3, 32, 12), (8, 2048, 256)])
def test_every_image_is_somebodys_and_nobody_has_more_than_the_one_before(count, batch, micro_batch):
    recipe = make_recipe(batch=batch, micro_batch=micro_batch, train_subset=None)
    mixed = dataclasses.replace(recipe, mixup_alpha=1.0)
    ranks = [Ranks(rank=rank, count=count) for rank in range(count)]
    own = [each.indices(recipe) for each in ranks]
    assert [place for places in own for place in places] == list(range(batch))
    assert [each.indices(mixed) for each in ranks] == [[(places[0] - 1) % batch, *places] for places in own]
    for evaluated in (0, 1, 500, 50_000):
        assert [n for each in ranks for n in each.evaluated(evaluated)] == list(range(evaluated))
    assert Ranks().indices(mixed) == list(range(batch))


def test_a_batch_that_does_not_divide_is_refused():
    studys = make_recipe(batch=2048, micro_batch=256, train_subset=None)
    studys.check_shared(8)
    with pytest.raises(
        InputError,
        match=r"`gpus_per_trial` 3: .* works with 1, 2, 4, 8 GPUs, not with 3; a "
        r"recipe of your own with micro_batch = 683 would",
    ):
        studys.check_shared(3)
    dataclasses.replace(studys, micro_batch=683).check_shared(3)
    with pytest.raises(InputError, match=r"works with 1 GPU, not with 2; .* micro_batch = 16 would"):
        make_recipe().check_shared(2)
    with pytest.raises(InputError, match=r"works with 1 GPU, not with 64\.$"):
        make_recipe().check_shared(64)
