"""Make ``import torchvision`` (and so ``import timm``) work beside a CPU-only torch.

PyPI's torchvision is built against PyPI's torch. Beside another build of the same torch its compiled
operators do not load, and its import ends in "operator torchvision::nms does not exist", though none
of them is needed here. Declaring the two operators that its import looks up is enough.
"""

import sys


def make_importable() -> None:
    """Import torchvision, declaring the operators it misses where its own do not load."""
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
