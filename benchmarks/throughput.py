"""Images a second and model-flops utilisation on a GPU, without data: what a step of ours costs there.

    python benchmarks/gpu_throughput.py --micro-batch 256

For the study's trio at 1, 4 and 18 GF, in bfloat16 (float16 where the GPU has none): a bare step of torch's
own parts, eager and compiled, and a step of our training loop, with its checks for divergence and its average
of the weights. Utilisation: three times the forward pass's multiply-adds (the backward pass takes two), two
operations each, over the GPU's peak without sparsity. Says so and ends where there is no GPU.
"""

import argparse
import time
from collections.abc import Callable
from typing import Any

TRIO = ("vit_p_1gf", "vit_c_1gf", "regnety_1gf", "vit_p_4gf", "vit_c_4gf", "regnety_4gf",
        "vit_p_18gf", "vit_c_18gf", "regnety_16gf")  # fmt: skip
PEAK_TFLOPS = {"H200": 989.4, "H100": 989.4, "A100": 312.0, "L40S": 362.0, "V100": 125.0}
"""Dense bfloat16 or float16 operations a second, by what a GPU's name holds; vendor's data sheets (SXM)."""
CLASSES, WARM, STEPS = 1000, 5, 20


def images_a_second(step: Callable[[], object], images: int) -> float:
    """Time some steps, once warm."""
    import torch

    for _ in range(WARM):
        step()
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(STEPS):
        step()
    torch.cuda.synchronize()
    return STEPS * images / (time.perf_counter() - started)


def bare_step(model: Any, images: Any, labels: Any, *, compiled: bool) -> Callable[[], object]:
    """Return a step of nothing but the model, the loss and the optimizer."""
    import torch
    from torch.nn.functional import cross_entropy

    half = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    run = torch.compile(model) if compiled else model

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cuda", half):
            logits = run(images)
        cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return step


def our_step(name: str, px: int, images: Any, labels: Any) -> Callable[[], object]:
    """Return a step of the training loop."""
    import torch

    from sweep.recipe import Recipe
    from sweep.training.batches import Batch
    from sweep.training.member import Member
    from sweep.training.ranks import ALONE
    from sweep.trial import TrialSpec

    recipe = Recipe(
        name="speed", dataset="folder", max_px=px, epochs=50, batch=len(images), warmup_epochs=5,
        mixed_precision=True, ema_steps=32,
    )  # fmt: skip
    trial = TrialSpec(key="", model=name, optimizer="adamw", lr=1e-4, weight_decay=0.1, seed=0)
    member = Member(trial, recipe, classes=CLASSES, px=px, device=torch.device("cuda"), ranks=ALONE)
    member.begin_epoch()
    return lambda: member.step(Batch(images, labels), 1.0, 1.0)


def _step(kind: str, name: str, px: int, images: Any, labels: Any) -> Callable[[], object]:
    import torch

    from sweep import models

    if kind == "ours":
        return our_step(name, px, images, labels)
    model: Any = models.create(name, num_classes=CLASSES, px=px).cuda()
    model = model.to(memory_format=torch.channels_last)
    return bare_step(model, images, labels, compiled=kind == "compiled")


def measure(name: str, count: int, peak: float | None) -> None:
    """Print a model's line."""
    import torch

    from sweep import models
    from sweep.models.complexity import measure as cost

    px, _ = models.resolution(name)
    with torch.device("meta"):
        flops = cost(models.create(name, num_classes=CLASSES, px=px), px).flops
    images = torch.randn(count, 3, px, px, device="cuda").contiguous(memory_format=torch.channels_last)
    labels = torch.randint(CLASSES, (count,), device="cuda")
    cells = []
    for kind in ("bare", "compiled", "ours"):
        speed = images_a_second(_step(kind, name, px, images, labels), count)
        share = f" ({100 * speed * 6 * flops / peak:.1f} %)" if peak else ""
        cells.append(f"{speed:.0f}{share}")
        torch.cuda.empty_cache()
    print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", help="instead of the trio's; may be repeated")
    parser.add_argument("--micro-batch", type=int, default=256, help="images at once")
    parser.add_argument("--peak-tflops", type=float, help="of a GPU that is not known here")
    args = parser.parse_args()
    import torch

    if not torch.cuda.is_available():
        print("skipped: no GPU that this torch can use")
        return
    name = torch.cuda.get_device_name()
    known = next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)
    peak = args.peak_tflops or known
    print(f"{name}, torch {torch.__version__}, {args.micro_batch} images at once; images/s (utilisation)")
    print("| model | bare step | bare step, compiled | our step |\n|---|---|---|---|")
    for model in args.model or TRIO:
        measure(model, args.micro_batch, peak and peak * 1e12)


if __name__ == "__main__":
    main()
