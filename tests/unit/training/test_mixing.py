"""Mixup, CutMix, micro-batches, fewer bits and BatchNorm's statistics, against the formulas and timm."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from support.training import CPU, make_batches, make_recipe, make_trial, run_one
from torch import nn
from torch.nn import functional as F

from sweep.training import loop, precision
from sweep.training.batches import Batch
from sweep.training.batchnorm import renew_batchnorm
from sweep.training.evaluation import Evaluation
from sweep.training.mixing import mix
from sweep.training.precision import Precision

pytestmark = pytest.mark.usefixtures("one_thread")
CLASSES = 10


def a_batch(size=6, px=16):
    generator = torch.Generator().manual_seed(1)
    return Batch(torch.randn(size, 3, px, px, generator=generator), torch.arange(size) % CLASSES)


# ---- mixing


@pytest.mark.parametrize("step", range(8))
def test_mixup_is_a_weighted_mean_of_neighbours_and_of_their_labels(step):
    batch = a_batch()
    mixed = mix(batch, make_recipe(mixup_alpha=0.8), CLASSES, 0, step)
    share = mixed.labels[2, 2].item()
    one_hot = F.one_hot(batch.labels, CLASSES)
    torch.testing.assert_close(mixed.labels, share * one_hot + (1 - share) * one_hot.roll(1, 0))
    torch.testing.assert_close(mixed.images, share * batch.images + (1 - share) * batch.images.roll(1, 0))
    assert 0 <= share <= 1


@pytest.mark.parametrize("step", range(8))
def test_cutmix_pastes_a_rectangle_whose_share_is_the_labels(step):
    batch = a_batch()
    mixed = mix(batch, make_recipe(cutmix_alpha=1.0), CLASSES, 0, step)
    pasted = (mixed.images == batch.images.roll(1, 0)).all(1)
    kept = (mixed.images == batch.images).all(1)
    assert (pasted ^ kept).all()
    assert (pasted == pasted[0]).all(), "the same rectangle in all"
    rows, columns = pasted[0].any(1), pasted[0].any(0)
    assert pasted[0].sum() == rows.sum() * columns.sum()
    share = kept[0].float().mean().item()
    one_hot = F.one_hot(batch.labels, CLASSES)
    torch.testing.assert_close(mixed.labels, share * one_hot + (1 - share) * one_hot.roll(1, 0))


def test_each_batch_has_one_of_the_two_with_shares_drawn_from_beta():
    recipe = make_recipe(mixup_alpha=0.8, cutmix_alpha=1.0)
    batch = Batch(torch.eye(2).reshape(2, 1, 1, 2).repeat(1, 3, 32, 16), torch.tensor([0, 1]))
    mixup = []
    for step in range(400):
        mixed = mix(batch, recipe, CLASSES, 3, step)
        if not set(mixed.images.unique().tolist()) <= {0.0, 1.0}:
            mixup.append(mixed.labels[0, 0].item())
    assert 160 < len(mixup) < 240  # 200 ± 10
    assert scipy.stats.kstest(mixup, scipy.stats.beta(0.8, 0.8).cdf).pvalue > 0.01


def test_data_seed_epoch_and_step_decide_the_mix():
    recipe = make_recipe(mixup_alpha=0.8)
    first = mix(a_batch(), recipe, CLASSES, 2, 5)
    state = torch.get_rng_state()
    assert torch.equal(mix(a_batch(), recipe, CLASSES, 2, 5).labels, first.labels)
    assert torch.equal(torch.get_rng_state(), state)
    others = [(recipe, 3, 5), (recipe, 2, 6), (make_recipe(mixup_alpha=0.8, data_seed=1), 2, 5)]
    for other, epoch, step in others:
        assert not torch.equal(mix(a_batch(), other, CLASSES, epoch, step).labels, first.labels)


def test_without_an_alpha_nothing_is_mixed():
    batch = a_batch()
    assert mix(batch, make_recipe(), CLASSES, 0, 0) is batch


def test_smoothing_of_mixed_labels_is_timms(monkeypatch):
    """At a fixed share, against timm's own target and loss."""
    from timm.data.mixup import mixup_target
    from timm.loss import SoftTargetCrossEntropy

    seen = []
    original = F.cross_entropy

    def spy(logits, labels, **options):
        seen.append((logits.detach(), labels, original(logits, labels, **options)))
        return seen[-1][2]

    recipe = make_recipe(mixup_alpha=0.8, label_smoothing=0.1, epochs=1, train_subset=32)
    monkeypatch.setattr(loop, "evaluate", lambda *_: [Evaluation(50.0, 1.0, None)])
    monkeypatch.setattr(F, "cross_entropy", spy)
    batches = make_batches(recipe)
    run_one(make_trial(), recipe, batches)
    ((logits, labels, loss),) = seen
    (batch,) = batches.train(0)
    share = labels.max(1).values.min().item()
    share = next(
        s
        for s in (share, 1 - share)
        if torch.allclose(
            labels, s * F.one_hot(batch.labels, 10) + (1 - s) * F.one_hot(batch.labels.roll(1), 10)
        )
    )
    one, other = (mixup_target(y, 10, 1.0, 0.1) for y in (batch.labels, batch.labels.roll(1)))
    expected = SoftTargetCrossEntropy()(logits, share * one + (1 - share) * other)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)


# ---- micro-batches


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("micro_batch", [8, 12])
def test_micro_batches_sum_up_to_the_minibatch(optimizer, micro_batch):
    """A model without BatchNorm, so that only the order of sums differs; 12 does not divide 32."""
    common = {"label_smoothing": 0.1, "mixup_alpha": 0.8, "epochs": 1}
    trial = make_trial(optimizer=optimizer, lr=2e-3 if optimizer == "adamw" else 0.05)
    (whole,) = run_one(trial, make_recipe(**common))
    (parts,) = run_one(trial, make_recipe(**common, micro_batch=micro_batch))
    assert parts.train_loss == pytest.approx(whole.train_loss, rel=1e-4)
    assert parts.val_loss == pytest.approx(whole.val_loss, rel=1e-3)
    assert parts.train_loss != whole.train_loss or micro_batch == 32


def test_one_micro_batch_is_the_minibatch_to_the_last_bit():
    assert run_one(make_trial("vit_c_1mf"), make_recipe(micro_batch=32)) == run_one(
        make_trial("vit_c_1mf"), make_recipe()
    )


# ---- fewer bits


def bits(monkeypatch, dtype):
    monkeypatch.setattr(precision, "_half", lambda device: dtype)


def test_a_cpu_computes_in_float32_whatever_the_recipe_says():
    assert run_one(make_trial(), make_recipe(mixed_precision=True)) == run_one(make_trial(), make_recipe())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_fewer_bits_give_about_the_same(dtype, monkeypatch):
    recipe = make_recipe(mixed_precision=True, epochs=1)
    (plain,) = run_one(make_trial(), recipe)
    bits(monkeypatch, dtype)
    (half,) = run_one(make_trial(), recipe)
    assert half != plain
    assert half.train_loss == pytest.approx(plain.train_loss, rel=0.02)


def test_a_gradient_that_only_its_scale_overflows_is_left_out_and_has_not_diverged(monkeypatch):
    bits(monkeypatch, torch.float16)
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    kept = Precision(CPU, mixed=True)
    assert kept._scaler is not None
    before = kept._scaler.get_scale()
    kept.scaled(weight.sum() * 1e35).backward()  # × 65536 is more than float32 holds
    assert kept.step(optimizer)
    assert weight.item() == 1
    assert kept._scaler.get_scale() == before / 2
    again = Precision(CPU, mixed=True)
    again.load(kept.state())
    assert again._scaler.get_scale() == before / 2


def test_a_gradient_that_overflows_unscaled_has_diverged(monkeypatch):
    bits(monkeypatch, torch.float16)
    weight = nn.Parameter(torch.ones(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    kept = Precision(CPU, mixed=True)
    steps = 0
    while True:
        optimizer.zero_grad()
        kept.scaled(weight.sum() * math.inf).backward()
        if not kept.step(optimizer):
            break
        steps += 1
    assert steps == 16, "65536 halved to 1 still steps"
    assert weight.item() == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_divergence_is_no_skipped_step(dtype, monkeypatch):
    bits(monkeypatch, dtype)
    (record,) = run_one(make_trial(lr=1e30), make_recipe(mixed_precision=True, epochs=5))
    assert (record.top1_err, record.diverged_step) == (100, 2)
    assert record.last_finite_loss == pytest.approx(math.log(10), rel=1e-2)


# ---- BatchNorm's statistics


def test_renewed_statistics_are_the_mean_over_micro_batches(make_recipe):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).eval()
    model[1].running_mean.fill_(7)
    batches = [Batch(torch.randn(8, 3, 5, 5) * (i + 1) + i, torch.zeros(8)) for i in range(4)]
    recipe = make_recipe(batch=8, micro_batch=4, batchnorm_images=22)  # five micro-batches of 4
    renew_batchnorm([model], iter(batches), recipe, seeds=[0])
    with torch.no_grad():
        outputs = [model[0](part) for batch in batches for part in batch.images.split(4)][:5]
    means = np.mean([o.double().numpy().mean((0, 2, 3)) for o in outputs], 0)
    variances = np.mean([o.double().numpy().var((0, 2, 3), ddof=1) for o in outputs], 0)
    np.testing.assert_allclose(model[1].running_mean.numpy(), means, rtol=1e-4)
    np.testing.assert_allclose(model[1].running_var.numpy(), variances, rtol=1e-4)
    assert not model.training


def test_a_training_uses_them_where_it_evaluates(monkeypatch):
    """The averaged weights are evaluated with statistics of their own, whatever their average was."""
    recipe = make_recipe(ema_steps=1, ema_rate=1e-3, batchnorm_images=64, epochs=1)
    seen = []
    evaluate = loop.evaluate

    def spy(models, batches, *how):
        (model,) = models
        stem = model.patch_embed.proj[0]
        images = [batch.images for batch, _ in zip(batches.train(0), range(2), strict=False)]
        seen.append((stem.bn.running_mean.clone(), [stem.conv(image).mean((0, 2, 3)) for image in images]))
        return evaluate(models, batches, *how)

    monkeypatch.setattr(loop, "evaluate", spy)
    run_one(make_trial("vit_c_1mf"), recipe)
    ((got, means),) = seen
    torch.testing.assert_close(got, sum(means) / 2, rtol=1e-4, atol=1e-5)
