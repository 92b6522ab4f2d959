"""A model's complexity for one image: multiply-adds, parameters and activations.

Counted as in the paper (pycls): a multiply-add counts once; activations are the output sizes of all matrix
products and convolutions; element-wise layers and norms do not count.
"""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from sweep.models import timm_models
from sweep.models.catalog import MODELS


class Complexity(NamedTuple):
    """The complexity of a model for one image."""

    flops: int
    """Multiply-adds."""
    params: int
    """Parameters."""
    activations: int
    """Outputs of matrix products and convolutions."""


class _Counter(TorchDispatchMode):
    """Intercepts every operation that torch runs, and counts matrix products and convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.flops = self.activations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=out) // 2
            self.activations += out.numel()
        return out


def measure(model: nn.Module, px: int) -> Complexity:
    """Count a model's complexity for one image of shape (3, px, px).

    The model may be on torch's ``meta`` device, which neither computes nor allocates.
    """
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # type: ignore[assignment]  # a fused attention hides its two matrix products
    device = next(model.parameters()).device
    with torch.no_grad(), _Counter() as counter:
        model.eval()(torch.zeros(1, 3, px, px, device=device))
    params = sum(p.numel() for p in model.parameters())
    return Complexity(counter.flops, params, counter.activations)


def measure_catalogued(name: str) -> Complexity:
    """Count the cost of a model of the catalog at its own training resolution, without computing anything."""
    spec = MODELS[name]
    with torch.device("meta"):
        model = timm_models.create(name, num_classes=spec.classes, px=spec.train_px)
        return measure(model, spec.train_px)
