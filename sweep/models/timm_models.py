"""Builds any of timm's models, the paper's among them: importing this module registers those with timm.

``timm.create_model("vit_c_1gf", img_size=32)`` then works, too.
"""

from sweep.models import prepare_timm  # noqa: F401 - before timm

# isort: split
from collections.abc import Callable
from typing import Any

import timm
import torch
from timm.layers import PatchEmbed
from timm.models import generate_default_cfgs, register_model
from torch import nn

from sweep.core.model_spec import split
from sweep.errors import InputError, unknown
from sweep.models.catalog import MODELS, Architecture, ViT
from sweep.models.regnet import create_regnety
from sweep.models.vit import create_vit

__all__ = ["check", "check_single_images", "create", "resolution"]


def _config(spec: Architecture) -> dict[str, Any]:
    """Return timm's configuration of a model: its resolutions, and the names of its first and last layers."""
    vit = isinstance(spec, ViT)
    return {
        "num_classes": 1000,
        "input_size": (3, spec.train_px, spec.train_px),
        "test_input_size": (3, spec.test_px, spec.test_px),
        "fixed_input_size": vit,
        "first_conv": None if vit else "stem.conv",
        "classifier": "head" if vit else "head.fc",
    }


def _entrypoint(name: str, spec: Architecture) -> Callable[..., nn.Module]:
    """Return the function that timm calls to build a model."""

    def create_model(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        build: Callable[..., nn.Module] = create_vit if isinstance(spec, ViT) else create_regnety
        return build(name, spec, pretrained=pretrained, **kwargs)

    create_model.__name__ = name
    create_model.__module__ = __name__
    return create_model


default_cfgs = generate_default_cfgs({name: _config(spec) for name, spec in MODELS.items()})
for _name, _spec in MODELS.items():
    register_model(_entrypoint(_name, _spec))


def create(model: str, *, num_classes: int, px: int) -> nn.Module:
    """Build a timm model, or one of the study's, for square images.

    Parameters
    ----------
    model : str
        timm's name of the model, with arguments or without: ``resnet18(drop_path_rate=0.1)``.
    num_classes : int
        Outputs of the classifier.
    px : int
        Side of an image, in pixels.

    Raises
    ------
    InputError
        If there is no such model.

    Examples
    --------
    >>> model = create("vit_c_1mf", num_classes=10, px=16)
    """
    name, args = split(model)
    size = {"img_size": px} if _config_of(name).fixed_input_size else {}
    return timm.create_model(name, num_classes=num_classes, **size, **args)


def resolution(model: str) -> tuple[int, int]:
    """Return a model's own training and test resolution, in pixels."""
    config = _config_of(split(model)[0])
    return config.input_size[-1], (config.test_input_size or config.input_size)[-1]


def _config_of(name: str) -> Any:
    if not timm.is_model(name):
        raise unknown("model", name, timm.list_models(), "`sweep models` lists ours; any timm model works.")
    try:
        return timm.models.get_pretrained_cfg(name)
    except RuntimeError as error:  # a tag, NAME.TAG, that timm does not know
        raise InputError(f"model {name!r}: {error}") from error


def check(name: str, *, num_classes: int, px: int) -> None:
    """Check that a model can be built and run, without computing anything.

    Parameters
    ----------
    name : str
        timm's name of the model, with arguments or without.
    num_classes : int
        Outputs of the classifier.
    px : int
        Side of an image, in pixels.

    Raises
    ------
    InputError
        If there is no such model, it cannot be built for this resolution, or it is no classifier.
    """
    try:
        with torch.device("meta"):
            model = create(name, num_classes=num_classes, px=px)
            shape = tuple(model.eval()(torch.zeros(1, 3, px, px)).shape)
    except InputError:
        raise
    except Exception as error:  # a timm model may raise anything if the resolution does not suit it
        raise InputError(f"model {name!r} cannot be built for {px} px images: {error}") from error
    patches = getattr(model, "patch_embed", None)
    if isinstance(patches, PatchEmbed) and not patches.dynamic_img_pad and px % patches.patch_size[0]:
        raise InputError(
            f"model {name!r} needs images of a multiple of {patches.patch_size[0]} px, got {px}: "
            "it would not see their border. A recipe's max_px decides."
        )
    if shape != (1, num_classes):
        raise InputError(
            f"model {name!r} is no classifier: it gives {shape} for one image and {num_classes} classes"
        )


def check_single_images(name: str, *, num_classes: int, px: int) -> None:
    """Check that a model trains on one image at a time: BatchNorm needs two values for each channel.

    Nothing is computed: the shapes of one training step tell.

    Raises
    ------
    InputError
        If it does not.
    """
    try:
        with torch.device("meta"):
            model = create(name, num_classes=num_classes, px=px)
            model.train()(torch.zeros(1, 3, px, px))
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise InputError(f"model {name!r} has BatchNorm, which cannot train on a single image") from error
