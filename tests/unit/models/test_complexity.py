"""The counts against hand counts."""

import pytest
import torch
from torch import nn

from sweep.models.complexity import measure

pytestmark = pytest.mark.usefixtures("one_thread")


class Flat(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.flatten(1))


@pytest.mark.parametrize(
    ("layer", "px", "flops", "params", "activations"),
    [
        # out² · k² · in · out channels; a bias adds parameters alone
        (nn.Conv2d(3, 8, 3, stride=2, padding=1), 10, 25 * 9 * 3 * 8, 9 * 3 * 8 + 8, 25 * 8),
        (nn.Conv2d(3, 8, 3, bias=False), 10, 64 * 9 * 3 * 8, 9 * 3 * 8, 64 * 8),
        (nn.Conv2d(3, 6, 3, groups=3, bias=False), 10, 64 * 9 * 1 * 6, 9 * 6, 64 * 6),
        (nn.Conv2d(3, 5, 4, stride=4), 8, 4 * 16 * 3 * 5, 16 * 3 * 5 + 5, 4 * 5),
        (Flat(nn.Linear(48, 7)), 4, 48 * 7, 48 * 7 + 7, 7),
        (Flat(nn.Linear(48, 7, bias=False)), 4, 48 * 7, 48 * 7, 7),
        # element-wise layers and norms cost nothing but their parameters
        (
            nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            6,
            36 * 12,
            12 + 8,
            36 * 4,
        ),
        (
            nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9)),
            6,
            36 * 12 + 36,
            16 + 45,
            36 * 4 + 9,
        ),
    ],
)
@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_layers(layer, px, flops, params, activations, device):
    cost = measure(layer.to(device), px)
    assert (cost.flops, cost.params, cost.activations) == (flops, params, activations)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_one_attention_block(device):
    """Also: a fused attention is counted, whose two products torch's counter does not see."""
    from timm.models.vision_transformer import Block

    d, heads, ratio, tokens = 24, 3, 4, 36

    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.block = Block(d, heads, mlp_ratio=ratio, qkv_bias=True)

        def forward(self, x):
            return self.block(x.new_zeros(1, tokens, d))

    with torch.device(device):
        model = Tokens()
    assert model.block.attn.fused_attn
    cost = measure(model, 6)
    qkv, proj, mlp = tokens * d * 3 * d, tokens * d * d, 2 * tokens * d * ratio * d
    products = 2 * tokens * tokens * d  # q·kᵀ, and its rows times v
    assert cost.flops == qkv + proj + mlp + products
    outputs = 3 * d + d + ratio * d + d  # of each token: qkv, proj, the MLP's two layers
    assert cost.activations == tokens * outputs + heads * tokens**2 + tokens * d
    weights = 3 * d * d + 3 * d + d * d + d + 2 * ratio * d * d + ratio * d + d + 4 * d
    assert cost.params == weights
