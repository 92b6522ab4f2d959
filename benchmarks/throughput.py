"""Images a second and model-flops utilisation, without data: what a step costs, and what compiling gains.

    python benchmarks/throughput.py --micro-batch 256                     # on a GPU
    python benchmarks/throughput.py --cpu --micro-batch 16 --steps 4      # one thread

For the study's trio at 1, 4 and 18 GF (on a CPU at 1 GF), in bfloat16 on a GPU (float16 where it has none):
a bare step of torch's own parts, and a step of our training loop, with its checks for divergence and its
average of the weights; either eager and compiled. Then the seconds of the first compiled step, and of the
first step of a second trial, with another lr, wd and seed: it has nothing to compile. Utilisation: three
times the forward pass's multiply-adds (the backward pass takes two), two operations each, over the GPU's peak
without sparsity. Says so and ends where there is no GPU.
"""

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

TRIO = (
    "vit_p_1gf",
    "vit_c_1gf",
    "regnety_1gf",
    "vit_p_4gf",
    "vit_c_4gf",
    "regnety_4gf",
    "vit_p_18gf",
    "vit_c_18gf",
    "regnety_16gf",
)
PEAK_TFLOPS = {"H200": 989.4, "H100": 989.4, "A100": 312.0, "L40S": 362.0, "V100": 125.0}
"""Dense bfloat16 or float16 operations a second, by what a GPU's name holds; vendor's data sheets (SXM)."""
CLASSES, WARM = 1000, 3
Step = Callable[[], object]

os.environ["TORCHINDUCTOR_FORCE_DISABLE_CACHES"] = "1"  # what an earlier run compiled would be read from disk


class Bench:
    """A model's images and labels on a device, and its steps."""

    def __init__(self, name: str, count: int, device: Any) -> None:
        import torch

        from sweep.models import timm_models

        self.name, self._device, self._count = name, device, count
        self.px, _ = timm_models.resolution(name)
        images = torch.randn(count, 3, self.px, self.px, device=device)
        self._images = images.contiguous(memory_format=torch.channels_last)
        self._labels = torch.randint(CLASSES, (count,), device=device)

    @property
    def flops(self) -> float:
        """Of an image's forward pass, in multiply-adds."""
        import torch

        from sweep.models import timm_models
        from sweep.models.complexity import measure as cost

        with torch.device("meta"):
            return cost(timm_models.create(self.name, num_classes=CLASSES, px=self.px), self.px).flops

    def bare(self, *, compiled: bool) -> Step:
        """Return a step of nothing but the model, the loss and the optimizer."""
        import torch
        from torch.nn.functional import cross_entropy

        from sweep.models import timm_models
        from sweep.training.precision import Precision

        model: Any = timm_models.create(self.name, num_classes=CLASSES, px=self.px).to(self._device)
        model = model.to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        run, precision = torch.compile(model) if compiled else model, Precision(self._device, mixed=True)

        def step() -> None:
            optimizer.zero_grad()
            with precision.computing():
                logits = run(self._images)
            cross_entropy(logits.float(), self._labels).backward()
            optimizer.step()

        return step

    def ours(self, *, compiled: bool, seed: int = 0) -> Step:
        """Return a step of the training loop."""
        from sweep.core.trial import TrialSpec
        from sweep.recipes.recipe import Recipe
        from sweep.training.batches import Batch
        from sweep.training.pack_member import Member
        from sweep.training.ranks import ALONE

        recipe = Recipe(
            name="speed",
            dataset="folder",
            max_px=self.px,
            epochs=50,
            batch=self._count,
            warmup_epochs=5,
            mixed_precision=True,
            ema_steps=32,
            compile=compiled,
        )
        trial = TrialSpec(
            key="",
            model=self.name,
            optimizer="adamw",
            lr=1e-4 / (seed + 1),
            weight_decay=0.1 * seed,
            seed=seed,
        )
        member = Member(trial, recipe, classes=CLASSES, px=self.px, device=self._device, ranks=ALONE)
        member.begin_epoch()
        return lambda: member.step(Batch(self._images, self._labels), 1.0, 1.0)

    def seconds(self, step: Step, steps: int = 1) -> float:
        """Time some steps."""
        import torch

        wait = torch.cuda.synchronize if self._device.type == "cuda" else lambda: None
        wait()
        started = time.perf_counter()
        for _ in range(steps):
            step()
        wait()
        return time.perf_counter() - started

    def speed(self, step: Step, steps: int) -> float:
        """Return the images a second of some steps, once warm."""
        self.seconds(step, WARM)
        return steps * self._count / self.seconds(step, steps)


def measure(bench: Bench, steps: int, peak: float | None) -> None:
    """Print a model's line."""
    cells, firsts = [bench.name], []
    for make in (bench.bare, bench.ours):
        for compiled in (False, True):
            step = make(compiled=compiled)
            firsts.append(bench.seconds(step))
            speed = bench.speed(step, steps)
            share = f" ({100 * speed * 6 * bench.flops / peak:.1f} %)" if peak else ""
            cells.append(f"{speed:.4g}{share}")
    again = bench.seconds(bench.ours(compiled=True, seed=1))
    print(f"| {' | '.join([*cells, f'{firsts[1]:.1f} s', f'{again:.1f} s'])} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", action="append", help="instead of the trio's; may be repeated")
    parser.add_argument("--micro-batch", type=int, default=256, help="images at once")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--cpu", action="store_true", help="measure one thread of the CPU instead")
    parser.add_argument("--peak-tflops", type=float, help="of a GPU that is not known here")
    args = parser.parse_args()
    import torch

    import sweep.models  # noqa: F401  (which also says what instructions torch may use)

    if not (args.cpu or torch.cuda.is_available()):
        print("skipped: no GPU that this torch can use")
        return
    torch.set_num_threads(1)
    device = torch.device("cpu" if args.cpu else "cuda")
    name = "one CPU thread" if args.cpu else torch.cuda.get_device_name()
    known = next((peak for part, peak in PEAK_TFLOPS.items() if part in name), None)
    peak = args.peak_tflops or known
    print(f"{name}, torch {torch.__version__}, {args.micro_batch} images at once; images/s (utilisation)")
    print(
        "| model | bare | bare, compiled | ours | ours, compiled | first compiled step | of a second trial |"
    )
    print("|---|---|---|---|---|---|---|")
    for model in args.model or (TRIO[:3] if args.cpu else TRIO):
        measure(Bench(model, args.micro_batch, device), args.steps, peak and peak * 1e12)


if __name__ == "__main__":
    main()
