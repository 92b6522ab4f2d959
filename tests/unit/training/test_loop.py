"""Training: reproducible to the last bit, alone and in company; divergence is a result."""

import dataclasses
import math
import pickle
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn.metrics import top_k_accuracy_score
from support.training import CPU, Dropping, make_batches, make_recipe, make_trial, run_one, run_pack
from torch import nn
from torch.nn import functional as F

from sweep.core.trial import EpochRecord
from sweep.data.datasets import open_dataset
from sweep.models import timm_models
from sweep.recipes.loading import load
from sweep.training import batches as batches_module
from sweep.training.batches import Batch, InMemoryBatches
from sweep.training.evaluation import evaluate
from sweep.training.loop import train
from sweep.training.lr_schedule import lr_factor
from sweep.training.memory import TrainingOutOfMemoryError, explain_out_of_memory

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def dropping(monkeypatch):
    create = timm_models.create

    def create_ours(name, *, num_classes, px):
        return Dropping(num_classes) if name == "dropping" else create(name, num_classes=num_classes, px=px)

    monkeypatch.setattr(timm_models, "create", create_ours)


# ---- the loop itself


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_training_is_a_plain_loop(optimizer, smoothing):
    """Against a loop with torch's own parts: plain optimizer, explicit groups, explicit schedule."""
    recipe = make_recipe(label_smoothing=smoothing, augment=("shift", "flip"))
    batches = make_batches(recipe)
    trial = make_trial("vit_c_1mf", optimizer, lr=2e-3 if optimizer == "adamw" else 0.05, seed=4)
    records = run_one(trial, recipe, batches)

    torch.manual_seed(4)
    model = timm_models.create("vit_c_1mf", num_classes=10, px=16)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.05},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    make = torch.optim.AdamW if optimizer == "adamw" else torch.optim.SGD
    extra = {} if optimizer == "adamw" else {"momentum": 0.9, "nesterov": True}
    reference = make(groups, lr=trial.lr, **extra)
    for epoch, record in enumerate(records):
        losses = []
        model.train()
        for step, (images, labels) in enumerate(batches.train(epoch)):
            at = epoch + step / 3  # 96 images in batches of 32
            factor = 0.005 + 0.995 * math.cos(math.pi * at / 4) ** 2
            lr = trial.lr * factor * (0.1 + 0.9 * at if at < 1 else 1)
            for group in reference.param_groups:
                group["lr"] = lr
            logs = F.log_softmax(model(images), 1)
            truth = (1 - smoothing) * F.one_hot(labels, 10) + smoothing / 10
            loss = -(truth * logs).sum(1).mean()
            reference.zero_grad()
            loss.backward()
            reference.step()
            losses.append(loss.item())
        model.eval()
        ((images, labels),) = batches.evaluation()
        with torch.no_grad():
            logits = model(images)
        assert record.epoch == epoch + 1
        assert record.lr == pytest.approx(lr, rel=1e-9)
        assert record.train_loss == pytest.approx(np.mean(losses), rel=1e-5)
        assert record.val_loss == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-4)
        wrong = (logits.argmax(1) != labels).sum().item()
        assert abs(record.top1_err - 100 * wrong / 60) <= 100 * 1.01 / 60
        assert record.diverged_step is None
        assert record.last_finite_loss is None
    assert len(records) == 2


def test_the_first_loss_is_that_of_a_guess():
    """The head starts at zero, so the first step's loss is ln 10."""
    (record,) = run_one(make_trial(), make_recipe(epochs=1, train_subset=32))
    assert record.train_loss == pytest.approx(math.log(10), rel=1e-6)


@pytest.mark.parametrize("evaluate_batch", [7, 500])
def test_evaluate_is_a_direct_computation(monkeypatch, evaluate_batch):
    monkeypatch.setattr(batches_module, "EVAL_BATCH", evaluate_batch)
    batches = make_batches(make_recipe(), evaluated=61)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 10), nn.Dropout(0.9))
    x = torch.cat([b.images for b in batches.evaluation()]).flatten(1).double().numpy()
    y = torch.cat([b.labels for b in batches.evaluation()]).numpy()
    logits = x @ model[1].weight.detach().double().numpy().T + model[1].bias.detach().double().numpy()
    log_sum = np.log(np.exp(logits).sum(1))
    (found,) = evaluate([model], batches)
    assert found.top1_err == pytest.approx(100 * np.mean(logits.argmax(1) != y), abs=1e-9)
    assert found.val_loss == pytest.approx(np.mean(log_sum - logits[np.arange(61), y]), rel=1e-5)
    theirs = top_k_accuracy_score(y, logits, k=5, labels=range(10))
    assert found.top5_err == pytest.approx(100 * (1 - theirs), abs=1e-9)
    assert 0 < found.top5_err < found.top1_err


def test_five_classes_have_no_top5_error():
    torch.manual_seed(0)
    batches = make_batches(make_recipe(), evaluated=20)
    models = [nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, classes)) for classes in (5, 6)]
    few = SimpleNamespace(evaluation=lambda: [Batch(x, y % 5) for x, y in batches.evaluation()])
    assert [found.top5_err is None for found in evaluate(models, few)] == [True, False]


def test_a_diverged_trial_has_all_errors_at_100():
    (record, *_) = run_one(make_trial(lr=1e30), make_recipe())
    assert record.diverged_step
    assert (record.top1_err, record.top5_err, record.val_loss) == (100.0, 100.0, None)


def test_the_average_is_what_is_evaluated():
    """All through warm-up an average of every step is a copy; one of no step is the initial model."""
    plain = run_one(make_trial(), make_recipe())
    assert run_one(make_trial(), make_recipe(ema_steps=1, warmup_epochs=1))[0] == plain[0]
    copied = run_one(make_trial(), make_recipe(warmup_epochs=2))
    assert run_one(make_trial(), make_recipe(ema_steps=1, warmup_epochs=2)) == copied
    never = run_one(make_trial(), make_recipe(ema_steps=1000))
    assert [r.val_loss for r in never] == pytest.approx([math.log(10)] * 2, rel=1e-6)
    assert [r.train_loss for r in never] == [r.train_loss for r in plain]
    slow = run_one(make_trial(), make_recipe(ema_steps=1, ema_rate=1e-3))
    assert slow[1].val_loss != plain[1].val_loss


# ---- reproducible


PROGRAM = """
import sys
import sweep.training.loop
heavy = {'ray', 'mlflow', 'optuna', 'matplotlib', 'pandas'} & sys.modules.keys()
assert not heavy, heavy
import torch
torch.set_num_threads(1)
sys.path.append(sys.argv[1])
import support.training as t
print([t.run_one(t.make_trial(name), t.make_recipe(augment=('shift', 'flip'))) for name in sys.argv[2:]])
"""
TRIO = ("vit_p_1mf", "vit_c_1mf", "regnety_1mf")


@pytest.mark.slow
def test_the_same_to_the_last_bit_in_another_process_without_the_cluster(request):
    here = [run_one(make_trial(name), make_recipe(augment=("shift", "flip"))) for name in TRIO]
    tests = str(request.path.parents[2])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, tests, *TRIO], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == str(here), done.stderr


@pytest.mark.parametrize("model", [*TRIO, "dropping"])
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.usefixtures("dropping")
def test_a_members_result_does_not_depend_on_its_company(model, optimizer):
    recipe = make_recipe(ema_steps=2, ema_rate=1e-3)
    batches = make_batches(recipe)
    trials = [
        make_trial(model, optimizer, lr=2e-3, seed=0),
        make_trial(model, optimizer, lr=2e-2, weight_decay=0.3, seed=0),
        make_trial(model, optimizer, lr=2e-3, seed=1),
    ]
    torch.manual_seed(5)
    alone = [run_one(trial, recipe, batches) for trial in trials]
    torch.manual_seed(6)  # nobody else's random numbers matter
    for order in ([0, 1, 2], [2, 0], [1, 2]):
        together = run_pack([trials[i] for i in order], recipe, batches)
        assert [list(column) for column in zip(*together, strict=True)] == [alone[i] for i in order]
    assert len({str(a) for a in alone}) == 3


def test_random_numbers_are_left_as_they_were(dropping):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    run_one(make_trial("dropping"), make_recipe())
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_draws_anew_each_step(dropping, monkeypatch):
    """Were the generator set back at each step, every step would drop the same units."""
    masks = []
    forward = nn.Dropout.forward

    def spy(self, x):
        mask = forward(self, torch.ones_like(x))
        if self.training:
            masks.append(mask)
        return x * mask

    monkeypatch.setattr(nn.Dropout, "forward", spy)
    run_one(make_trial("dropping"), make_recipe(epochs=1))
    assert len(masks) == 3
    assert not torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[1], masks[2])


def test_the_trials_seed_decides_weights_and_the_data_seed_the_rest():
    recipe = make_recipe()
    first = run_one(make_trial(seed=0), recipe)
    assert run_one(make_trial(seed=0), recipe) == first
    assert run_one(make_trial(seed=1), recipe) != first
    assert run_one(make_trial(seed=0), make_recipe(data_seed=1)) != first


def test_all_trials_see_the_same_batches(monkeypatch):
    seen = {}

    def spy(self, batch, *epochs):
        seen.setdefault(self._trial.seed, []).append((batch.images.clone(), batch.labels.clone(), epochs))

    monkeypatch.setattr("sweep.training.pack_member.Member.step", spy)
    done = EpochRecord(epoch=1, top1_err=50.0, val_loss=None, train_loss=None, lr=0.1)
    monkeypatch.setattr("sweep.training.pack_member.Member.finish_epoch", lambda self, *_: done)
    recipe = make_recipe(augment=("shift", "flip"))
    for seed in (0, 1):
        list(train([make_trial(seed=seed)], recipe, make_batches(recipe), classes=10, px=16, device=CPU))
    assert len(seen[0]) == len(seen[1]) == 6
    for a, b in zip(seen[0], seen[1], strict=True):
        assert torch.equal(a[0], b[0])
        assert torch.equal(a[1], b[1])
        assert a[2] == b[2]
    assert not torch.equal(seen[0][0][0], seen[0][3][0])


# ---- divergence


def test_a_diverged_trial_ends_with_an_error_of_100():
    (record,) = run_one(make_trial(lr=1e30), make_recipe(epochs=5))
    assert record.top1_err == 100
    assert record.val_loss is None
    assert record.diverged_step == 2  # the first step's loss is still finite: that of a guess
    assert record.last_finite_loss == pytest.approx(math.log(10), rel=1e-6)
    assert record.train_loss == pytest.approx(math.log(10), rel=1e-6)


def test_divergence_at_the_very_first_step(monkeypatch):
    create = timm_models.create

    def broken(*args, **kwargs):
        model = create(*args, **kwargs)
        nn.init.constant_(model.head.bias, math.nan)
        return model

    monkeypatch.setattr(timm_models, "create", broken)
    (record,) = run_one(make_trial(), make_recipe())
    assert (record.diverged_step, record.top1_err, record.val_loss) == (1, 100, None)
    assert (record.train_loss, record.last_finite_loss) == (None, None)


def test_weights_broken_by_the_very_last_step_are_noticed():
    """Even where the evaluated average has not followed them."""
    for ema_steps in (0, 1000):
        recipe = make_recipe(epochs=1, train_subset=32, ema_steps=ema_steps)
        (record,) = run_one(make_trial(lr=1e39), recipe)
        assert (record.diverged_step, record.top1_err, record.val_loss) == (1, 100, None)
        assert record.last_finite_loss == pytest.approx(math.log(10), rel=1e-6)


def test_weights_so_large_that_evaluation_overflows_are_noticed():
    (record,) = run_one(make_trial(lr=1e32), make_recipe(epochs=1, train_subset=32))
    assert (record.diverged_step, record.top1_err, record.val_loss) == (1, 100, None)


def test_divergence_of_one_member_leaves_the_others():
    recipe = make_recipe(epochs=3)
    batches = make_batches(recipe)
    good, bad, other = make_trial(), make_trial(lr=1e30), make_trial(lr=5e-3, seed=1)
    together = run_pack([good, bad, other], recipe, batches)
    columns = [list(column) for column in zip(*together, strict=True)]
    assert columns[0] == run_one(good, recipe, batches)
    assert columns[2] == run_one(other, recipe, batches)
    assert columns[1] == [*run_one(bad, recipe, batches), None, None]


def test_a_pack_ends_when_all_have_diverged():
    together = run_pack([make_trial(lr=1e30), make_trial(lr=1e31, seed=1)], make_recipe(epochs=4))
    assert len(together) == 1


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"),
        MemoryError(),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory"
        ),
    ],
)
def test_too_little_memory_is_no_divergence_but_an_error_with_a_remedy(error, monkeypatch):
    def full(*_):
        raise error

    monkeypatch.setattr("sweep.training.pack_member.Member._loss", full)
    expected = r"minibatch of 32 images of 16 px, 8 at once: take a recipe with a micro_batch below 8"
    with pytest.raises(TrainingOutOfMemoryError, match=expected) as raised:
        run_one(make_trial(), make_recipe(micro_batch=8))
    assert str(pickle.loads(pickle.dumps(raised.value))) == str(raised.value)  # it comes from a worker
    monkeypatch.setattr("sweep.training.pack_member.Member._loss", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_one(make_trial(), make_recipe())


def test_memory_that_is_really_not_there():
    with pytest.raises(TrainingOutOfMemoryError), explain_out_of_memory(make_recipe(), 16):
        torch.empty(1 << 58, dtype=torch.uint8)


def test_a_divergence_says_at_which_step_and_lr():
    """At lr 1e30 the second step's loss is no longer finite; its lr is that of the record."""
    recipe = make_recipe(epochs=5)
    (record,) = run_one(make_trial(lr=1e30), recipe)
    assert record.diverged_step == 2
    assert record.lr == 1e30 * lr_factor(recipe, 1 / 3)
    assert record.last_finite_loss == record.train_loss


# ---- it learns


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "optimizer", "lr"),
    [
        ("vit_c_1mf", "adamw", 4e-3),
        ("vit_p_1mf", "adamw", 4e-3),
        ("regnety_1mf", "sgd", 0.1),
    ],
)
def test_it_learns_digits(model, optimizer, lr):
    recipe = dataclasses.replace(load("digits"), epochs=4, warmup_epochs=1, max_px=16)
    batches = InMemoryBatches(open_dataset(recipe, None).load(16), recipe, CPU)
    records = run_one(make_trial(model, optimizer, lr=lr, weight_decay=1e-3), recipe, batches)
    assert len(records) == 4
    assert records[-1].train_loss < 0.8 * records[0].train_loss
    assert records[-1].top1_err < 65  # chance is 90
    assert records[-1].lr == pytest.approx(lr * lr_factor(recipe, 3 + 14 / 15))
