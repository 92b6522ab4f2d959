"""Make ``import torchvision`` (and so ``import timm``) work beside a CPU-only torch.

PyPI's torchvision is built against PyPI's torch. With another build of the same torch, its compiled operators
do not load, and its import fails with "operator torchvision::nms does not exist", although nothing here needs
them. It is enough to declare the two operators that the import looks up.
"""

import sys


def make_importable() -> None:
    """Import torchvision; if its operators do not load, declare those that the import needs."""
    import torch

    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        for schema in (
            "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
            "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
        ):
            torch.library.define(f"torchvision::{schema.split('(')[0]}", schema[schema.index("(") :])
        import torchvision  # noqa: F401
