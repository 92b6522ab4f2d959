"""Optimizers against torch's plain ones."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from sweep.core.optimizer_catalog import OPTIMIZERS
from sweep.errors import InputError
from sweep.models import timm_models
from sweep.training.optim import make_optimizer

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = ("vit_p_1mf", "vit_c_1mf", "regnety_1mf", "resnet18")


def build(name):
    torch.manual_seed(3)
    return timm_models.create(name, num_classes=10, px=16)


def undecayed(model):
    """Names of the gains of norm layers and of all biases, by the layers' kinds and not by shape."""
    norms = (nn.LayerNorm, nn.BatchNorm2d, nn.GroupNorm)
    gains = {f"{name}.weight" for name, layer in model.named_modules() if isinstance(layer, norms)}
    return gains | {name for name, _ in model.named_parameters() if name.endswith("bias")}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", NAMES)
def test_what_is_decayed(name, optimizer):
    model = build(name)
    groups = make_optimizer(optimizer, model, 0.1, 0.3).param_groups
    decay = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert sum(len(group["params"]) for group in groups) == len(decay) == len(list(model.parameters()))
    expected = {n: 0.0 if n in undecayed(model) else 0.3 for n, _ in model.named_parameters()}
    assert {n: decay[id(p)] for n, p in model.named_parameters()} == expected
    assert all(decay[id(p)] == 0 for p in model.parameters() if p.ndim <= 1)
    if name.startswith("vit"):
        assert decay[id(model.cls_token)] == decay[id(model.pos_embed)] == 0.3


def steps(model, optimizer, n=4, generator=None):
    generator = generator or torch.Generator().manual_seed(0)
    for _ in range(n):
        images = torch.randn(8, 3, 16, 16, generator=generator, dtype=torch.float64)
        labels = torch.randint(10, (8,), generator=generator)
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return dict(model.named_parameters())


@pytest.mark.parametrize("name", ["vit_c_1mf", "regnety_1mf"])
@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_steps_are_those_of_torchs_plain_optimizers(name, kind):
    lr, wd = (2e-3, 0.5) if kind == "adamw" else (0.05, 0.05)
    # doubles: the gradient of a key's bias is 0 but for rounding, which AdamW would blow up to a step
    ours, theirs = build(name).double(), build(name).double()
    start = {n: p.detach().clone() for n, p in ours.named_parameters()}
    free = undecayed(theirs)
    groups = [
        {"params": [p for n, p in theirs.named_parameters() if n not in free], "weight_decay": wd},
        {"params": [p for n, p in theirs.named_parameters() if n in free], "weight_decay": 0.0},
    ]
    if kind == "adamw":
        reference = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=1e-8, foreach=False, fused=False)
    else:
        reference = torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True, foreach=False, fused=False)
    expected = steps(theirs, reference)
    for n, p in steps(ours, make_optimizer(kind, ours, lr, wd)).items():
        moved = (expected[n] - start[n]).norm()
        assert moved > 0
        assert (p - expected[n]).norm() <= 1e-6 * moved, n


def lion(weight, gradients, lr, wd, beta1=0.9, beta2=0.99):
    """Lion by arXiv:2302.06675, algorithm 2."""
    momentum = torch.zeros_like(weight)
    for gradient in gradients:
        weight = weight * (1 - lr * wd) - lr * torch.sign(beta1 * momentum + (1 - beta1) * gradient)
        momentum = beta2 * momentum + (1 - beta2) * gradient
    return weight


def nadamw(weight, gradients, lr, wd, beta1=0.9, beta2=0.999, eps=1e-8):
    """NAdamW by arXiv:1910.05446, table 1, with decoupled weight decay."""
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for step, gradient in enumerate(gradients, 1):
        first = beta1 * first + (1 - beta1) * gradient
        second = beta2 * second + (1 - beta2) * gradient**2
        ahead = (beta1 * first + (1 - beta1) * gradient) / (1 - beta1**step)
        scale = (second / (1 - beta2**step)).sqrt() + eps
        weight = weight * (1 - lr * wd) - lr * ahead / scale
    return weight


def adafactor(weight, gradients, lr, wd, beta1=0.9, beta2=0.999):
    """Adafactor by arXiv:1804.04235, algorithm 4, with momentum and without update clipping.

    The second moment is that of rows times that of columns, divided by their common mean; the cap of its rate
    of decay is arXiv:2106.04560's, §3.5.
    """
    rows, columns, momentum = torch.zeros(len(weight), 1), torch.zeros(1, weight.shape[1]), 0.0
    for step, gradient in enumerate(gradients, 1):
        kept = min(beta2, 1 - step**-0.8)
        rows = kept * rows + (1 - kept) * (gradient**2).sum(1, keepdim=True)
        columns = kept * columns + (1 - kept) * (gradient**2).sum(0, keepdim=True)
        momentum = beta1 * momentum + (1 - beta1) * gradient / (rows @ columns / rows.sum()).sqrt()
        weight = weight * (1 - lr * wd) - lr * momentum
    return weight


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_saved_and_loaded_it_steps_on_to_the_last_bit(optimizer):
    whole, cut = (build("vit_c_1mf").double().to(memory_format=torch.channels_last) for _ in range(2))
    expected = steps(whole, make_optimizer(optimizer, whole, 0.01, 0.1), 6)
    generator = torch.Generator().manual_seed(0)
    steps(cut, first := make_optimizer(optimizer, cut, 0.01, 0.1), 4, generator)
    again = make_optimizer(optimizer, cut, 0.01, 0.1)
    again.load_state_dict(first.state_dict())
    ended = steps(cut, again, 2, generator)
    assert all(torch.equal(ended[name], expected[name]) for name in expected)


@pytest.mark.parametrize(("kind", "by_hand"), [("lion", lion), ("nadamw", nadamw), ("adafactor", adafactor)])
def test_steps_are_those_of_the_papers(kind, by_hand):
    model, lr, wd = nn.Linear(24, 16).double(), 0.01, 0.5  # Adafactor takes smaller ones as vectors
    gradients = [torch.randn(16, 24, generator=torch.Generator().manual_seed(i)).double() for i in range(5)]
    expected = by_hand(model.weight.detach().clone(), gradients, lr, wd)
    optimizer = make_optimizer(kind, model, lr, wd)
    for gradient in gradients:
        model.weight.grad, model.bias.grad = gradient.clone(), gradient[:, 0].clone()
        optimizer.step()
    rounded = 1e-8 if kind == "adafactor" else 1e-12  # its momentum has single precision
    torch.testing.assert_close(model.weight.detach(), expected, rtol=1e-9, atol=rounded)


class Deep(nn.Module):
    """A network with an embedding, a hidden layer and a classifier."""

    def __init__(self):
        super().__init__()
        self.pretrained_cfg = {"classifier": "head"}
        self.patch_embed, self.hidden, self.head = nn.Linear(20, 20), nn.Linear(20, 20), nn.Linear(20, 20)


def test_muon_steps_as_torchs_within_the_network_and_as_nadamw_at_its_ends():
    model, lr, wd = Deep(), 0.01, 0.5
    weights = {name: each.detach().clone() for name, each in model.named_parameters()}
    gradients = [torch.randn(20, 20, generator=torch.Generator().manual_seed(i)) for i in range(3)]
    ours = make_optimizer("muon", model, lr, wd)
    hidden = nn.Parameter(weights["hidden.weight"].clone())
    theirs = torch.optim.Muon(
        [hidden], lr=lr, weight_decay=wd, momentum=0.95, nesterov=True, adjust_lr_fn="match_rms_adamw"
    )
    for gradient in gradients:
        for parameter in model.parameters():
            parameter.grad = (gradient if parameter.ndim > 1 else gradient[0]).clone()
        hidden.grad = gradient.clone()
        ours.step()
        theirs.step()
    moved = (hidden - weights["hidden.weight"]).norm()
    assert (model.hidden.weight - hidden).norm() < 0.02 * moved, "torch rounds to bfloat16"
    for name in ("patch_embed.weight", "head.weight"):
        expected = nadamw(weights[name], gradients, lr, wd, beta1=0.9, beta2=0.95)
        torch.testing.assert_close(model.get_parameter(name).detach(), expected, rtol=1e-4, atol=1e-6)
    expected = nadamw(weights["hidden.bias"], [g[0] for g in gradients], lr, 0.0, beta1=0.9, beta2=0.95)
    torch.testing.assert_close(model.hidden.bias.detach(), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_muon_leaves_a_models_ends_to_nadamw(name):
    model = build(name)
    optimizer = make_optimizer("muon", model, 0.1, 0.3)
    other = {id(p) for group in optimizer.param_groups if group.get("use_fallback") for p in group["params"]}
    names = {n for n, p in model.named_parameters() if id(p) in other}
    ends = ("head.", "fc.", "patch_embed.", "stem.", "conv1.", "cls_token", "pos_embed")
    assert names == {n for n, _ in model.named_parameters() if n.startswith(ends)}


def test_one_sgd_step_by_hand():
    """Nesterov's first step: lr · (1 + momentum) · (gradient + wd · weight)."""
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[2.0, -1.0]]))
        model.bias.fill_(3.0)
    optimizer = make_optimizer("sgd", model, 0.1, 0.5)
    model(torch.tensor([[1.0, 4.0]])).sum().backward()
    optimizer.step()
    expected = [2 - 0.1 * 1.9 * (1 + 0.5 * 2), -1 - 0.1 * 1.9 * (4 + 0.5 * -1)]
    assert model.weight.detach().flatten().tolist() == pytest.approx(expected, rel=1e-6)
    assert model.bias.item() == pytest.approx(3 - 0.1 * 1.9, rel=1e-6)


def test_one_adamw_step_by_hand():
    """AdamW's first step is lr · sign(gradient); the decay is decoupled: weight · (1 − lr · wd)."""
    model = nn.Linear(2, 1)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[2.0, -1.0]]))
        model.bias.fill_(3.0)
    optimizer = make_optimizer("adamw", model, 0.1, 0.5)
    model(torch.tensor([[1.0, -4.0]])).sum().backward()
    optimizer.step()
    assert model.weight.detach().flatten().tolist() == pytest.approx([2 * 0.95 - 0.1, -0.95 + 0.1], rel=1e-5)
    assert model.bias.item() == pytest.approx(2.9, rel=1e-5)


def test_an_unknown_optimizer():
    with pytest.raises(InputError, match=r"unknown optimizer 'adam'.*adamw"):
        make_optimizer("adam", nn.Linear(1, 1), 0.1, 0.1)
