"""The study's RegNetYs, built from timm's RegNet.

They differ from timm's RegNetYs: the paper chose other widths, depths and resolutions. It publishes widths
and depths instead of the parameters (w0, wa, wm) that generate them, so that these are given here, too.
"""

from sweep.models import prepare_timm  # noqa: F401 - before timm

# isort: split
import math
from typing import Any

from timm.layers import calculate_drop_path_rates
from timm.models import build_model_with_cfg
from timm.models.regnet import RegNet, RegNetCfg
from torch import nn

from sweep.models.catalog import RegNetY

_GENERATE = {"depth", "w0", "wa", "wm", "group_min_ratio"}
"""The parameters from which timm generates depths and widths."""


class StagedRegNet(RegNet):
    """timm's RegNet with given depths and widths of its stages, instead of generated ones.

    Parameters
    ----------
    cfg : RegNetCfg
        timm's configuration; its depths and widths are ignored.
    depths : tuple of int
        Blocks in each stage.
    widths : tuple of int
        Channels of each stage.
    **kwargs
        timm's arguments.
    """

    def __init__(
        self, cfg: RegNetCfg, depths: tuple[int, ...], widths: tuple[int, ...], **kwargs: Any
    ) -> None:
        self._depths, self._widths = depths, widths
        super().__init__(cfg, zero_init_last=False, **kwargs)

    def _get_stage_args(
        self, cfg: RegNetCfg, *, output_stride: int = 32, drop_path_rate: float = 0.0
    ) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        if output_stride != 32:
            raise ValueError(f"output_stride is 32, got {output_stride}")
        rates = calculate_drop_path_rates(drop_path_rate, list(self._depths), stagewise=True)
        stages = [
            {
                "out_chs": width,
                "depth": depth,
                "stride": 2,
                "dilation": 1,
                "bottle_ratio": cfg.bottle_ratio,
                "group_size": min(cfg.group_size, width),
                "drop_path_rates": stage_rates,
            }
            for depth, width, stage_rates in zip(self._depths, self._widths, rates, strict=True)
        ]
        common = {
            "downsample": cfg.downsample,
            "se_ratio": cfg.se_ratio,
            "linear_out": cfg.linear_out,
            "act_layer": cfg.act_layer,
            "norm_layer": cfg.norm_layer,
        }
        return stages, common


def create_regnety(name: str, spec: RegNetY, **kwargs: Any) -> StagedRegNet:
    """Build a RegNetY of the paper; ``kwargs`` are timm's arguments. ``img_size`` has no effect.

    Raises
    ------
    ValueError
        If an argument is given that would have no effect, because the paper fixes depths and widths.
    """
    kwargs.pop("img_size", None)
    if unused := sorted(kwargs.keys() & _GENERATE):
        raise ValueError(f"{', '.join(unused)} would change nothing: the paper states depths and widths")
    cfg = RegNetCfg(group_size=spec.group_width, se_ratio=0.25, stem_width=spec.stem_width)
    model = build_model_with_cfg(
        StagedRegNet, name, model_cfg=cfg, depths=spec.depths, widths=spec.widths, **kwargs
    )
    initialise(model)
    return model


def initialise(model: nn.Module) -> None:
    """Initialise convolutions like pycls: normal with standard deviation √(2 / (k² · out channels)).

    timm divides the fan-out of a grouped convolution by the number of groups; pycls does not.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            fan_out = layer.kernel_size[0] * layer.kernel_size[1] * layer.out_channels
            nn.init.normal_(layer.weight, std=math.sqrt(2 / fan_out))
