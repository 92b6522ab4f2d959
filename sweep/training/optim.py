"""Builds a trial's optimizer."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn

from sweep.core.optimizer_catalog import OPTIMIZERS, SETTINGS
from sweep.errors import unknown


def make_optimizer(
    name: str, model: nn.Module, lr: float, weight_decay: float, settings: Mapping[str, float] | None = None
) -> torch.optim.Optimizer:
    """Build an optimizer without weight decay on biases and the gains of norm layers.

    Every parameter of more than one dimension is decayed, including class token and position embedding
    (arXiv:2106.14881, §5.4).

    Parameters
    ----------
    name : {"adamw", "sgd", "nadamw", "lion", "muon", "adafactor"}
        AdamW; SGD with Nesterov momentum; NAdamW as in AlgoPerf, Lion (arXiv:2302.06675), Muon
        (arXiv:2502.16982) and Adafactor as for ViTs (arXiv:2106.04560) of timm. Muon is for the weight
        matrices within a network: it trains the classifier, embeddings, biases and gains with NAdamW, at the
        same learning rate.
    model : torch.nn.Module
        The model to train.
    lr : float
        Peak learning rate.
    weight_decay : float
        L2 with SGD, decoupled with the others.
    settings : mapping, optional
        Hyperparameters that differ from the usual. See `sweep.core.optimizer_catalog`.

    Raises
    ------
    InputError
        If there is no such optimizer.
    """
    if name not in OPTIMIZERS:
        raise unknown("optimizer", name, OPTIMIZERS)
    own: dict[str, Any] = {each: setting.usual for each, setting in SETTINGS[name].items()}
    own |= {"lr": lr, "weight_decay": weight_decay} | dict(settings or {})
    if "beta1" in own:
        own["betas"] = (own.pop("beta1"), own.pop("beta2"))
    return _MAKERS[name](model, own)


def _groups(model: nn.Module, weight_decay: float, **more: Any) -> Any:
    from timm.optim import param_groups_weight_decay

    return param_groups_weight_decay(model, weight_decay, **more)


def _adamw(model: nn.Module, own: dict[str, Any]) -> torch.optim.Optimizer:
    return torch.optim.AdamW(_groups(model, own["weight_decay"]), fused=True, **own)


def _sgd(model: nn.Module, own: dict[str, Any]) -> torch.optim.Optimizer:
    nesterov = own["momentum"] > 0
    return torch.optim.SGD(_groups(model, own["weight_decay"]), nesterov=nesterov, fused=True, **own)


def _nadamw(model: nn.Module, own: dict[str, Any]) -> torch.optim.Optimizer:
    from timm.optim import NAdamW

    return NAdamW(_groups(model, own["weight_decay"]), **own)


def _lion(model: nn.Module, own: dict[str, Any]) -> torch.optim.Optimizer:
    from timm.optim import Lion

    return Lion(_groups(model, own["weight_decay"]), **own)


def _muon(model: nn.Module, own: dict[str, Any]) -> torch.optim.Optimizer:
    from timm.optim import Muon

    groups = _groups(model, own["weight_decay"], fallback_list=[f"{_classifier(model)}.*", *_EMBEDDINGS])
    # timm's own default takes other coefficients than those that were published, and than torch's.
    return Muon(groups, nesterov=True, ns_coefficients="original", **own)


def _adafactor(model: nn.Module, own: dict[str, Any]) -> torch.optim.Optimizer:
    from timm.optim import AdafactorBigVision

    beta1, beta2 = own.pop("betas")
    # Half precision, timm's own default, saves memory that these models do not lack.
    more = {"momentum": beta1, "beta2_cap": beta2, "momentum_dtype": torch.float32}
    return AdafactorBigVision(_groups(model, own["weight_decay"]), **more, **own)


def _classifier(model: nn.Module) -> str:
    """Return the name of a model's last layer."""
    last = getattr(model, "pretrained_cfg", {}).get("classifier") or "head"
    return last if isinstance(last, str) else last[0]


_EMBEDDINGS = ("*pos_embed", "*cls_token", "patch_embed.*", "stem.*", "conv1.*")
"""The parameters that see the input itself."""

_MAKERS: Mapping[str, Callable[[nn.Module, dict[str, Any]], torch.optim.Optimizer]] = {
    "adamw": _adamw,
    "sgd": _sgd,
    "nadamw": _nadamw,
    "lion": _lion,
    "muon": _muon,
    "adafactor": _adafactor,
}
