"""The models against the authors' counts, the study's tables and its initialisation."""

import functools
import math
import subprocess
import sys

import pytest
import torch
from torch import nn

from sweep.errors import InputError
from sweep.models import _torchvision, timm_models
from sweep.models.catalog import MODELS
from sweep.models.complexity import measure

pytestmark = pytest.mark.usefixtures("one_thread")

# multiply-adds (billions), parameters (millions), activations (millions) at the training resolution.
# Source: arXiv:2106.14881, Table 2, with the decimals that the authors' counting code (pycls) prints.
AUTHORS_COUNTS = {
    "vit_p_1gf": (1.083, 4.830, 5.521),
    "vit_p_4gf": (3.909, 18.507, 11.040),
    "vit_p_18gf": (17.580, 86.568, 23.896),
    "vit_p_36gf": (35.997, 178.364, 37.137),
    "vit_c_1gf": (1.079, 4.568, 5.628),
    "vit_c_4gf": (3.966, 17.754, 11.256),
    "vit_c_18gf": (17.727, 81.573, 24.024),
    "vit_c_36gf": (35.026, 167.796, 36.606),
    "regnety_1gf": (1.047, 9.601, 6.210),
    "regnety_4gf": (4.096, 22.409, 14.465),
    "regnety_16gf": (15.460, 72.283, 30.702),
    "regnety_32gf": (31.073, 128.552, 46.221),
}
TRAIN_AND_TEST_PX = {
    "regnety_1gf": (232, 262),
    "regnety_4gf": (240, 272),
    "regnety_16gf": (256, 292),
    "regnety_32gf": (268, 304),
}  # every ViT: 224, 224

# Stem alone: multiply-adds (millions), parameters (millions), activations (millions). Table 3.
STEMS = {
    "vit_p_4gf": (58, 0.3, None),
    "vit_c_4gf": (435, 1.0, 1.2),
    "vit_s1_4gf": (422, 0.8, 1.3),
    "vit_s2_4gf": (422, 0.7, 1.1),
    "vit_s3_4gf": (458, 0.7, 1.6),
    "vit_s4_4gf": (407, 0.6, 2.9),
}
TRIO = ("vit_p_1mf", "vit_c_1mf", "regnety_1mf")


@functools.cache
def on_meta(name, px, num_classes=1000):
    """A model without weights, built once for all tests: building takes most of the time."""
    with torch.device("meta"):
        return timm_models.create(name, num_classes=num_classes, px=px)


def seeded(name, seed=0, px=32, num_classes=10):
    torch.manual_seed(seed)
    return timm_models.create(name, num_classes=num_classes, px=px)


@pytest.fixture(scope="module")
def vit_p():
    return seeded("vit_p_1gf", px=224)


@pytest.fixture(scope="module")
def vit_c():
    return seeded("vit_c_1gf", px=224)


@pytest.fixture(scope="module")
def regnety():
    return seeded("regnety_1gf")


# ---- complexity of the study's models


@pytest.mark.parametrize("name", AUTHORS_COUNTS)
def test_cost_is_the_authors(name):
    flops, params, activations = AUTHORS_COUNTS[name]
    px = TRAIN_AND_TEST_PX.get(name, (224, 224))[0]
    cost = measure(on_meta(name, px), px)
    assert round(cost.params / 1e6, 3) == params
    # the authors' code also counts a transformer's norms and additions: some per mille
    assert cost.flops / 1e9 == pytest.approx(flops, rel=0.01)
    assert cost.activations / 1e6 == pytest.approx(activations, abs=0.0006)
    if name.startswith("regnety"):
        assert round(cost.flops / 1e9, 3) == flops


@pytest.mark.parametrize("name", AUTHORS_COUNTS)
def test_resolutions(name):
    assert timm_models.resolution(name) == TRAIN_AND_TEST_PX.get(name, (224, 224))


@pytest.mark.parametrize("name", STEMS)
def test_stem_costs_what_table_3_says(name):
    flops, params, activations = STEMS[name]
    cost = measure(on_meta(name, 224).patch_embed, 224)
    assert round(cost.flops / 1e6) == flops
    assert round(cost.params / 1e6, 1) == params
    if activations is not None:
        assert round(cost.activations / 1e6, 1) == activations


@pytest.mark.parametrize("name", [n for n, spec in MODELS.items() if getattr(spec, "stem", None)])
def test_every_conv_stem_ends_in_a_plain_1x1_and_keeps_the_grid(name):
    spec = MODELS[name]
    stem = on_meta(name, spec.train_px).patch_embed
    *convs, last = stem.proj
    for layer in convs:
        assert layer.conv.bias is None
        assert isinstance(layer.bn, nn.BatchNorm2d)
        assert isinstance(layer.bn.act, nn.ReLU)
    assert isinstance(last, nn.Conv2d)
    assert last.kernel_size == (1, 1)
    assert last.bias is not None
    tokens = (spec.train_px // spec.patch) ** 2
    x = torch.zeros(1, 3, spec.train_px, spec.train_px, device="meta")
    assert stem(x).shape == (1, tokens, spec.hidden)


def test_hybrid_runs_on_a_resnet_cut_after_conv4():
    model = on_meta("vit_h_4gf", 224, num_classes=7).eval()
    assert model(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 7)
    assert model.pos_embed.shape == (1, 14 * 14 + 1, 384)
    convs = [m for m in model.patch_embed.backbone.modules() if isinstance(m, nn.Conv2d)]
    assert 40 <= len(convs) <= 45  # about 40 in the study's words; 43 with the shortcuts'


@pytest.mark.parametrize("size", ["1gf", "4gf", "18gf", "36gf", "1mf", "5mf"])
def test_the_conv_stem_replaces_one_block(size):
    p, c = MODELS[f"vit_p_{size}"], MODELS[f"vit_c_{size}"]
    assert c.blocks == p.blocks - 1
    assert (c.hidden, c.mlp_ratio, c.heads, c.patch) == (p.hidden, p.mlp_ratio, p.heads, p.patch)
    assert len(on_meta(f"vit_c_{size}", c.train_px).blocks) == c.blocks


# ---- the laptop trio


def test_the_trio_costs_a_million_multiply_adds():
    flops = [measure(on_meta(name, 16, num_classes=10), 16).flops for name in TRIO]
    assert all(abs(f - 1e6) <= 0.1e6 for f in flops), flops
    assert max(flops) <= 1.1 * min(flops)


def test_the_trios_conv_stem_costs_the_patchify_stem_and_one_block():
    tokens, d, ratio, patch = 17, 32, 4, 4  # 16 px in patches of 4, and the class token
    block = tokens * d * d * (3 + 1 + 2 * ratio) + 2 * tokens**2 * d  # qkv, proj, MLP; two products
    patchify = 16 * 3 * patch**2 * d
    convs = 8 * 8 * 27 * 16 + 4 * 4 * 9 * 16 * 32 + 4 * 4 * 9 * 32 * 32 + 4 * 4 * 32 * 32
    assert measure(on_meta("vit_c_1mf", 16).patch_embed, 16).flops == convs
    assert measure(on_meta("vit_p_1mf", 16).patch_embed, 16).flops == patchify
    assert convs - patchify == pytest.approx(block, rel=0.15)


# ---- through timm


def test_timm_builds_ours_at_another_resolution():
    import timm

    model = timm.create_model("vit_c_1gf", num_classes=10, img_size=32).eval()
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert isinstance(model.head, nn.Linear)


def test_timms_own_models_build():
    model = timm_models.create("resnet18", num_classes=7, px=32).eval()
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 7)
    # 11.69 M for 1000 classes (torchvision's model zoo)
    assert sum(p.numel() for p in model.parameters()) == 11_689_512 - 993 * 513
    assert timm_models.resolution("resnet18")[0] == 224


def test_timms_own_vit_is_built_for_the_resolution():
    assert timm_models.create("vit_tiny_patch16_224", num_classes=3, px=32).pos_embed.shape[1] == 2 * 2 + 1


@pytest.mark.parametrize("build", [timm_models.create, timm_models.check])
def test_an_unknown_name_offers_near_ones(build):
    with pytest.raises(InputError, match=r"unknown model 'vit_c_1gv'.*Did you mean .*vit_c_1gf"):
        build("vit_c_1gv", num_classes=10, px=32)


@pytest.mark.parametrize(("name", "px"), [("vit_p_1mf", 2), ("vit_c_1mf", 15), ("vit_p_1gf", 8)])
def test_an_impossible_resolution_is_refused(name, px):
    with pytest.raises(InputError, match=f"'{name}' cannot be built for {px} px"):
        timm_models.check(name, num_classes=10, px=px)


def test_a_possible_resolution_passes():
    for name in (*TRIO, "resnet18"):
        timm_models.check(name, num_classes=10, px=16)


@pytest.mark.parametrize("name", ["resnet18", "regnety_1mf"])
def test_what_the_check_of_single_images_says_is_what_training_does(name):
    model = timm_models.create(name, num_classes=10, px=16).train()
    try:
        model(torch.zeros(1, 3, 16, 16))
    except ValueError:
        with pytest.raises(InputError, match=f"'{name}' has BatchNorm"):
            timm_models.check_single_images(name, num_classes=10, px=16)
    else:
        timm_models.check_single_images(name, num_classes=10, px=16)


# ---- initial weights


def assert_normal(weights, std):
    """Mean 0 and the given standard deviation, within five standard errors."""
    n = weights.numel()
    assert abs(weights.mean().item()) < 5 * std / math.sqrt(n)
    assert weights.std().item() == pytest.approx(std, rel=5 / math.sqrt(2 * n))


def assert_uniform(weights, bound):
    n = weights.numel()
    assert weights.abs().max().item() <= bound * (1 + 1e-6)
    assert weights.abs().max().item() > bound * (1 - 20 / n)
    # the standard error of a uniform's standard deviation is √(1/5n) of it
    assert weights.std().item() == pytest.approx(bound / math.sqrt(3), rel=5 * math.sqrt(1 / (5 * n)))


def test_norms(vit_p, vit_c, regnety):
    for model in (vit_p, vit_c):
        norms = [m for m in model.modules() if isinstance(m, nn.LayerNorm)]
        assert len(norms) == 2 * len(model.blocks) + 1
        assert {m.eps for m in norms} == {1e-6}
    for model in (vit_c, regnety):
        norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
        assert norms
        assert all(bool((m.weight == 1).all()) and bool((m.bias == 0).all()) for m in norms)


def test_head_and_tokens(vit_p, vit_c):
    for model in (vit_p, vit_c):
        for zero in (model.head.weight, model.head.bias, model.cls_token, model.patch_embed.proj):
            if isinstance(zero, nn.Sequential):
                zero = zero[-1].bias
            elif isinstance(zero, nn.Conv2d):
                zero = zero.bias
            assert not zero.any()
        assert_normal(model.pos_embed.detach(), 0.02)


def test_patchify_weights(vit_p):
    assert_normal(vit_p.patch_embed.proj.weight.detach(), math.sqrt(1 / (3 * 16 * 16)))


def test_conv_stem_weights(vit_c):
    *convs, last = vit_c.patch_embed.proj
    for layer, out in zip(convs, (24, 48, 96, 192), strict=True):
        assert layer.conv.weight.shape[0] == out
        assert_normal(layer.conv.weight.detach(), math.sqrt(2 / out))
    assert_normal(last.weight.detach(), math.sqrt(1 / 192))


def test_block_weights(vit_p):
    d, hidden = 192, 3 * 192
    for block in vit_p.blocks:
        for layer in (block.mlp.fc1, block.mlp.fc2):
            assert_uniform(layer.weight.detach(), math.sqrt(6 / (d + hidden)))
            assert_normal(layer.bias.detach(), 1e-6)
        assert_uniform(block.attn.qkv.weight.detach(), math.sqrt(6 / (d + 3 * d)))
        assert_uniform(block.attn.proj.weight.detach(), 1 / math.sqrt(d))
        assert not block.attn.qkv.bias.any()
        assert not block.attn.proj.bias.any()


def test_regnety_weights(regnety):
    convs = [m for m in regnety.modules() if isinstance(m, nn.Conv2d)]
    assert any(m.groups > 1 for m in convs)  # where timm's own rule differs
    for m in convs:
        assert_normal(m.weight.detach(), math.sqrt(2 / (m.kernel_size[0] ** 2 * m.out_channels)))


@pytest.mark.parametrize("name", TRIO)
def test_the_seed_alone_decides_the_weights(name):
    first, again, other = (seeded(name, seed, px=16).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[key], again[key]) for key in first)
    drawn = [key for key in first if first[key].is_floating_point() and first[key].std() > 0]
    assert drawn
    assert all(not torch.equal(first[key], other[key]) for key in drawn)


# ---- torchvision beside a torch that its operators were not built for


@pytest.mark.slow
def test_timm_imports_in_a_fresh_process():
    code = "import sweep.models.timm_models, timm, torchvision.transforms; print(timm.is_model('vit_c_1gf'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


def test_another_failure_of_torchvision_is_not_hidden(monkeypatch, tmp_path):
    (tmp_path / "torchvision.py").write_text("raise RuntimeError('no such library')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    with pytest.raises(RuntimeError, match="no such library"):
        _torchvision.make_importable()
