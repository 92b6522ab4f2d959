"""The study's vision transformers, built from timm's, with patchify, convolutional and hybrid stems.

Initialisation follows the paper's code (pycls); timm's differs in every layer.
"""

from sweep.models import prepare_timm  # noqa: F401 - before timm

# isort: split
import math
from functools import partial
from typing import Any

import timm
from timm.layers import ConvNormAct, HybridEmbed, PatchEmbed
from timm.models import VisionTransformer, build_model_with_cfg
from torch import nn

from sweep.models.catalog import Stem, ViT


class ConvStem(PatchEmbed):
    """A stack of convolutions instead of timm's patch embedding.

    Maps (batch, channels, height, width) to (batch, tokens, hidden).

    Parameters
    ----------
    stem : Stem
        Kernels, strides and channels of the convolutions.
    in_chans : int
        Channels of an image.
    embed_dim : int
        The hidden size.
    *args, **kwargs
        Arguments of timm's `PatchEmbed`.
    """

    def __init__(
        self, *args: Any, stem: Stem, in_chans: int = 3, embed_dim: int = 768, **kwargs: Any
    ) -> None:
        super().__init__(*args, in_chans=in_chans, embed_dim=embed_dim, **kwargs)
        widths = (in_chans, *stem.channels)
        layers = [
            # a 3 × 3 convolution pads its border; a later patch × patch one (kernel = stride) needs no
            # padding
            ConvNormAct(widths[i], widths[i + 1], kernel, stride=stride, padding=1 if kernel == 3 else 0)
            for i, (kernel, stride) in enumerate(zip(stem.kernels, stem.strides, strict=True))
        ]
        self.proj = nn.Sequential(*layers, nn.Conv2d(widths[-1], embed_dim, 1))


def create_vit(name: str, spec: ViT, **kwargs: Any) -> VisionTransformer:
    """Build a ViT of the paper; ``kwargs`` are timm's arguments (``num_classes``, ``img_size``, …)."""
    body: dict[str, Any] = {
        "patch_size": spec.patch,
        "embed_dim": spec.hidden,
        "depth": spec.blocks,
        "num_heads": spec.heads,
        "mlp_ratio": spec.mlp_ratio,
        "img_size": spec.train_px,
    }
    if spec.stem:
        body["embed_layer"] = partial(ConvStem, stem=spec.stem)
    if spec.backbone:
        # One position of the feature map is one token: the backbone has already reduced the resolution.
        in_chans = kwargs.get("in_chans", 3)
        body |= {"embed_layer": _hybrid_embed(spec.backbone, spec.backbone_stage, in_chans), "patch_size": 1}
    model = build_model_with_cfg(VisionTransformer, name, **(body | {"weight_init": "skip"} | kwargs))
    initialise(model)
    return model


def _hybrid_embed(backbone: str, stage: int, in_chans: int) -> Any:
    features = timm.create_model(backbone, features_only=True, out_indices=(stage,), in_chans=in_chans)
    return partial(HybridEmbed, backbone=features)


def initialise(model: VisionTransformer) -> None:
    """Draw the initial weights like the paper (arXiv:2106.14881, §4, and pycls).

    A hybrid's backbone keeps timm's initialisation, since the paper does not train one.
    """
    if isinstance(model.patch_embed, ConvStem):
        _initialise_conv_stem(model.patch_embed.proj)
    else:
        projection = model.patch_embed.proj
        fan_in = projection.weight[0].numel()
        nn.init.trunc_normal_(projection.weight, std=math.sqrt(1 / fan_in))
        nn.init.zeros_(projection.bias)
    for block in model.blocks.children():
        _initialise_block(block)
    nn.init.zeros_(model.head.weight)
    nn.init.zeros_(model.head.bias)
    nn.init.zeros_(model.cls_token)
    nn.init.normal_(model.pos_embed, std=0.02)


def _initialise_conv_stem(stem: Any) -> None:
    for layer in stem[:-1]:
        nn.init.normal_(layer.conv.weight, std=math.sqrt(2 / layer.conv.out_channels))
    nn.init.normal_(stem[-1].weight, std=math.sqrt(1 / stem[-1].out_channels))
    nn.init.zeros_(stem[-1].bias)


def _initialise_block(block: Any) -> None:
    # The output projection keeps torch's default weights, as torch's MultiheadAttention does.
    nn.init.xavier_uniform_(block.attn.qkv.weight)
    nn.init.zeros_(block.attn.qkv.bias)
    nn.init.zeros_(block.attn.proj.bias)
    for layer in (block.mlp.fc1, block.mlp.fc2):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.normal_(layer.bias, std=1e-6)
