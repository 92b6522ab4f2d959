"""The architectures of the paper's models: plain data, importable without torch.

Source: arXiv:2106.14881, Tables 1 to 3, and the authors' published training configurations.
The ``1mf`` and ``5mf`` trios are this project's own, designed by the paper's rules for 16 and 32 px.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Stem:
    """A convolutional stem: k×k convolutions with BatchNorm and ReLU, then a plain 1×1 to the hidden size."""

    kernels: tuple[int, ...]
    strides: tuple[int, ...]
    channels: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """The properties that all architectures have."""

    family: str
    """The family, which figures draw as one curve, such as ``ViT_C``."""
    size: str
    """The size in its name, such as ``18GF``."""
    panel: str
    """The panel of a figure; RegNetY-16GF shares that of the 18GF ViTs."""
    train_px: int = 224
    """Side of a training image, in pixels."""
    test_px: int = 224
    """Side of a test image, in pixels."""
    classes: int = 1000
    """Classes of the data set that it was designed for; its complexity is counted with these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ViT(Architecture):
    """A vision transformer with a class token and learned position embedding."""

    hidden: int
    mlp_ratio: int
    heads: int
    blocks: int
    patch: int = 16
    stem: Stem | None = None
    """None: one patch × patch convolution of stride patch ("patchify")."""
    backbone: str | None = None
    """timm's name of a convolutional network whose features replace the patches."""
    backbone_stage: int = 3
    """Which of the backbone's feature maps is used (3: conv4, of stride 16)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegNetY(Architecture):
    """A RegNet with squeeze-and-excitation (ratio 0.25), bottleneck ratio 1."""

    depths: tuple[int, ...]
    """Blocks in each of the four stages; the last ones may be empty, with the width of the one before."""
    widths: tuple[int, ...]
    group_width: int
    stem_width: int = 32


_SMALL = {"1GF": (24, 48, 96, 192), "4GF": (48, 96, 192, 384)}
_STEMS = {size: Stem(kernels=(3,) * 4, strides=(2,) * 4, channels=c) for size, c in _SMALL.items()}
_LARGE = Stem(kernels=(3,) * 6, strides=(2, 2, 1, 2, 1, 2), channels=(64, 128, 128, 256, 256, 512))
_STEMS |= {"18GF": _LARGE, "36GF": _LARGE}

_BODIES = {
    "1GF": {"hidden": 192, "mlp_ratio": 3, "heads": 3, "blocks": 12},
    "4GF": {"hidden": 384, "mlp_ratio": 3, "heads": 6, "blocks": 12},
    "18GF": {"hidden": 768, "mlp_ratio": 4, "heads": 12, "blocks": 12},
    "36GF": {"hidden": 1024, "mlp_ratio": 4, "heads": 16, "blocks": 14},
}

# Table 3 of the paper: stems that reach stride 16 earlier or later, at about the same complexity.
_ABLATION = {
    "s1": Stem(kernels=(3, 3, 3, 2), strides=(2, 2, 2, 2), channels=(52, 104, 208, 416)),
    "s2": Stem(kernels=(3, 3, 3, 4), strides=(2, 2, 1, 4), channels=(32, 64, 128, 256)),
    "s3": Stem(kernels=(3, 3, 3, 8), strides=(2, 1, 1, 8), channels=(17, 34, 68, 136)),
    "s4": Stem(kernels=(3, 3, 3, 16), strides=(1, 1, 1, 16), channels=(8, 16, 32, 64)),
}


def _vit(family: str, size: str, stem: Stem | None = None, **changes: object) -> ViT:
    """Return a ViT of one size. A convolutional stem costs about one block, so that one block is removed."""
    body = dict(_BODIES[size])
    body["blocks"] -= stem is not None
    return ViT(family=family, size=size, panel=size, stem=stem, **(body | changes))  # type: ignore[arg-type]


def _models() -> dict[str, Architecture]:
    models: dict[str, Architecture] = {}
    for size in _BODIES:
        models[f"vit_p_{size.lower()}"] = _vit("ViT_P", size)
        models[f"vit_c_{size.lower()}"] = _vit("ViT_C", size, _STEMS[size])
    for name, stem in _ABLATION.items():
        models[f"vit_{name}_4gf"] = _vit(f"ViT_{name.upper()}", "4GF", stem)
    models["vit_h_4gf"] = _vit("ViT_H", "4GF", backbone="resnet50")
    models |= _regnets() | _laptop()
    return models


def _regnets() -> dict[str, Architecture]:
    rows = [  # size, panel, depths, widths, group width, train px, test px
        ("1GF", "1GF", (1, 4, 10, 3), (40, 120, 328, 904), 4, 232, 262),
        ("4GF", "4GF", (2, 6, 16, 2), (96, 192, 512, 1216), 32, 240, 272),
        ("16GF", "18GF", (2, 7, 18, 2), (168, 336, 896, 2128), 56, 256, 292),
        ("32GF", "36GF", (2, 7, 20, 2), (216, 432, 1152, 2808), 72, 268, 304),
    ]
    return {
        f"regnety_{size.lower()}": RegNetY(
            family="RegNetY",
            size=size,
            panel=panel,
            depths=depths,
            widths=widths,
            group_width=group,
            train_px=train_px,
            test_px=test_px,
        )
        for size, panel, depths, widths, group, train_px, test_px in rows
    }


def _laptop() -> dict[str, Architecture]:
    """Return models of about 1 M multiply-adds at 16 px and 5 M at 32 px: patch 4; the stem costs about one
    block, so that one block is removed.
    """
    stem = Stem(kernels=(3, 3, 3), strides=(2, 2, 1), channels=(16, 32, 32))
    models: dict[str, Architecture] = {}
    for size, px, blocks in (("1MF", 16, 4), ("5MF", 32, 5)):
        vit: dict[str, Any] = {"hidden": 32, "mlp_ratio": 4, "heads": 2, "patch": 4, **_laptop_size(size, px)}
        models[f"vit_p_{size.lower()}"] = ViT(family="ViT_P", blocks=blocks, **vit)
        models[f"vit_c_{size.lower()}"] = ViT(family="ViT_C", blocks=blocks - 1, stem=stem, **vit)
    rows = [  # name, size, px, depths, widths, group width
        ("regnety_1mf", "1MF", 16, (1, 1, 2, 1), (64, 112, 160, 224), 8),
        ("regnety_5mf", "5MF", 32, (1, 2, 2, 1), (64, 128, 192, 256), 16),
    ]
    for name, size, px, depths, widths, group in rows:
        body: dict[str, Any] = {"depths": depths, "widths": widths, "group_width": group}
        models[name] = RegNetY(family="RegNetY", **body, **_laptop_size(size, px))
    return models


def _laptop_size(size: str, px: int) -> dict[str, Any]:
    return {"size": size, "panel": size, "train_px": px, "test_px": px, "classes": 10}


MODELS: Mapping[str, Architecture] = MappingProxyType(_models())
"""Name → architecture, for every model that this project defines."""


def stride(spec: Architecture) -> int:
    """Return the number of pixels that an image's side must be a multiple of."""
    return spec.patch if isinstance(spec, ViT) else 1


def test_resize(model: str, px: int, crop: float) -> int:
    """Return the length to scale an evaluated image's shorter side to before its centre is cut out.

    A crop of 0.875 gives the usual 256 for 224 px. The study's RegNetYs have test resolutions of their own,
    such as 262 for 232 px, which are used here.

    Parameters
    ----------
    model : str
        The model's name.
    px : int
        Side of the cut-out, in pixels.
    crop : float
        Share of the shorter side that is cut out.
    """
    spec = MODELS.get(model.partition("(")[0])
    if crop < 1 and spec and spec.test_px > spec.train_px:
        return round(px * spec.test_px / spec.train_px)
    return round(px / crop)
