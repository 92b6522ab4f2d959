"""All that only a GPU can tell, in one run of at most eight minutes: is it right, and how fast is it?

    python benchmarks/gpu_check.py --out gpu-check          # on one GPU, such as an H100
    python benchmarks/gpu_check.py --cpu --out gpu-check    # in miniature on a CPU, to try this script

Needs torch, torchvision and timm; neither Ray nor MLflow nor a network. Each part has seconds that it may
take. What does not fit, or cannot run here, is a row that says so. gpu-check.csv and gpu-check.md are written
anew after each row, so that a run that was cut off keeps what it has. Exit code 1 if a check failed.
"""

import argparse
import csv
import dataclasses
import math
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np

TRIO_32 = ("vit_p_5mf", "vit_c_5mf", "regnety_5mf")
TRIO_224 = ("vit_p_1gf", "vit_c_1gf", "regnety_1gf")
CLASSES = 10
MOST_S = 480.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """A number, or what is wrong."""

    part: str
    case: str
    measure: str
    value: float | str
    unit: str = ""
    ok: str = ""
    """``yes`` or ``no`` for a check; empty for a measurement."""
    part_s: float = 0.0
    """Seconds since the part began."""


class Setup(NamedTuple):
    """Where to measure, and how much."""

    device: Any
    images: int
    """Training images of the sets that are made up."""
    batch: int
    sizes: tuple[int, ...]
    """Of packs."""
    steps: int

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return bool(self.device.type == "cuda")

    def splits(self, px: int, images: int | None = None) -> Any:
        """Return images that can be told apart: a pattern a class, and noise."""
        from sweep.data.images import Images, Splits

        rng = np.random.default_rng(0)
        patterns = rng.integers(0, 256, (CLASSES, px, px, 3))

        def some(count: int) -> Images:
            labels = rng.integers(0, CLASSES, count)
            noisy = 0.5 * patterns[labels] + 0.5 * rng.integers(0, 256, (count, px, px, 3))
            return Images(noisy.astype(np.uint8), labels)

        return Splits(some(images or self.images), some(CLASSES), some(200))

    def recipe(self, px: int, **changes: Any) -> Any:
        """Return a short recipe."""
        from sweep.recipes.recipe import Recipe

        usual = {"epochs": 2, "batch": self.batch, "warmup_epochs": 1, "max_px": px, "mixed_precision": True}
        return Recipe(name="check", dataset="folder", **(usual | changes))

    def train(self, trials: list[Any], recipe: Any, splits: Any = None, **more: Any) -> list[list[Any]]:
        """Return the records of every epoch."""
        from sweep.training.batches import InMemoryBatches
        from sweep.training.loop import train

        px = recipe.max_px
        batches = InMemoryBatches(splits or self.splits(px), recipe, self.device)
        return list(train(trials, recipe, batches, classes=CLASSES, px=px, device=self.device, **more))


def trial(model: str = "vit_p_5mf", lr: float = 1e-3, seed: int = 0) -> Any:
    """Return a trial."""
    from sweep.core.trial import TrialSpec

    return TrialSpec(key=f"{seed}", model=model, optimizer="adamw", lr=lr, weight_decay=0.05, seed=seed)


def agrees(case: str, measure: str, got: float, wanted: float, within: float) -> Row:
    """Return a check that two numbers differ by at most a share of the second."""
    off = abs(got - wanted) / abs(wanted)
    return Row(
        part="",
        case=case,
        measure=f"{measure}, off by at most {within:g}",
        value=off,
        ok="yes" if off <= within else "no",
    )


def precision(setup: Setup) -> Iterator[Row]:
    """Training in bfloat16, and in float16 with its scaler, ends about where float32 does."""
    import torch

    (exact,) = setup.train([trial()], setup.recipe(32, mixed_precision=False))[-1]
    for half in (torch.bfloat16, torch.float16) if setup.is_gpu else ():
        with mock.patch("sweep.training.precision._half", return_value=half):
            (record,) = setup.train([trial()], setup.recipe(32))[-1]
        yield agrees(str(half), "training loss against float32", record.train_loss, exact.train_loss, 0.05)
    yield Row(part="", case="float32", measure="training loss", value=exact.train_loss)


def divergence(setup: Setup) -> Iterator[Row]:
    """A loss that is not finite is found at its step, hurts no other trial, and a scaler's skip is none."""
    import torch

    good, bad = trial(), trial(lr=1e12, seed=1)
    recipe = setup.recipe(32)
    (alone,) = setup.train([good], recipe)[-1]
    epochs = setup.train([good, bad], recipe)
    beside = epochs[-1][0]
    lost = next(epoch[1] for epoch in epochs if epoch[1] and epoch[1].diverged_step)
    yield Row(part="", case="lr 1e12", measure="diverged at step", value=lost.diverged_step, ok="yes")
    yield agrees("beside it", "training loss against alone", beside.train_loss, alone.train_loss, 1e-3)
    if setup.is_gpu:
        scaler = torch.amp.GradScaler("cuda", init_scale=2.0**30)
        with (
            mock.patch("sweep.training.precision._half", return_value=torch.float16),
            mock.patch("torch.amp.GradScaler", return_value=scaler),
        ):
            (record,) = setup.train([good], recipe)[-1]
        skipped = record.diverged_step is None and scaler.get_scale() < 2.0**30
        text = "steps skipped, not diverged" if skipped else f"diverged at {record.diverged_step}"
        yield Row(part="", case="scale 2^30", measure="float16", value=text, ok="yes" if skipped else "no")


def resuming(setup: Setup) -> Iterator[Row]:
    """A training that was interrupted after an epoch ends where an undisturbed one does."""
    from sweep.checkpoints.folder import FolderLocation
    from sweep.training.batches import InMemoryBatches
    from sweep.training.checkpoint import Checkpoint
    from sweep.training.loop import train

    for model in TRIO_32 if setup.is_gpu else TRIO_32[:1]:
        recipe, one = setup.recipe(32, epochs=3), trial(model)
        (whole,) = setup.train([one], recipe)[-1]
        with tempfile.TemporaryDirectory() as folder:
            file = FolderLocation(Path(folder)).file("0")
            batches = InMemoryBatches(setup.splits(32), recipe, setup.device)
            begun: Any = train(
                [one],
                recipe,
                batches,
                classes=CLASSES,
                px=32,
                device=setup.device,
                checkpoints=[Checkpoint(file, "check", every_s=0)],
            )
            next(begun)
            begun.close()
            kept = Checkpoint(file, "check", every_s=0)
            (again,) = setup.train([one], recipe, checkpoints=[kept])[-1]
        yield Row(
            part="",
            case=model,
            measure="resumed after",
            value=kept.seconds_before,
            unit="s",
            ok="yes" if kept.seconds_before else "no",
        )
        yield agrees(model, "training loss, resumed", again.train_loss, whole.train_loss, 1e-2)


def packs(setup: Setup, px: int, models: tuple[str, ...]) -> Iterator[Row]:
    """How many images a second K trials train together, and the memory that they take."""
    import torch

    from sweep.training.batches import InMemoryBatches
    from sweep.training.memory import TrainingOutOfMemoryError, explain_out_of_memory
    from sweep.training.pack_member import Member
    from sweep.training.pack_timing import _endless, _step_s
    from sweep.training.ranks import ALONE

    for model in models:
        recipe = setup.recipe(px)
        batches = _endless(
            InMemoryBatches(setup.splits(px, 2 * setup.batch), recipe, setup.device), recipe, CLASSES
        )
        members: list[Any] = []
        for size in setup.sizes:
            try:
                with explain_out_of_memory(recipe, px):
                    members += [
                        Member(
                            trial(model, lr=0.0, seed=seed),
                            recipe,
                            classes=CLASSES,
                            px=px,
                            device=setup.device,
                            ranks=ALONE,
                        )
                        for seed in range(len(members), size)
                    ]
                    seconds = _step_s(members, batches, setup.device)
            except TrainingOutOfMemoryError:
                yield Row(part="", case=f"{model} K={size}", measure="skipped", value="out of memory")
                break
            speed = size * setup.batch / seconds
            yield Row(part="", case=f"{model} K={size}", measure="trained", value=speed, unit="images/s")
            if setup.is_gpu:
                peak = torch.cuda.max_memory_allocated() / 2**30
                yield Row(part="", case=f"{model} K={size}", measure="most memory", value=peak, unit="GiB")


def small_packs(setup: Setup) -> Iterator[Row]:
    """Packs at 32 px."""
    yield from packs(setup, 32, TRIO_32 if setup.is_gpu else TRIO_32[:1])


def large_packs(setup: Setup) -> Iterator[Row]:
    """Packs at 224 px."""
    yield from packs(setup, 224, TRIO_224) if setup.is_gpu else iter(())


def company(setup: Setup) -> Iterator[Row]:
    """A trial's result does not depend on the trials beside it."""
    for model in TRIO_32 if setup.is_gpu else TRIO_32[:1]:
        recipe = setup.recipe(32)
        (alone,) = setup.train([trial(model)], recipe)[-1]
        beside = setup.train([trial(model), *(trial(model, 3e-3, seed) for seed in (1, 2, 3))], recipe)[-1][0]
        yield agrees(model, "training loss in a pack of 4", beside.train_loss, alone.train_loss, 1e-3)


def steps(setup: Setup) -> Iterator[Row]:
    """Images a second of a step at 224 px, eager and compiled; utilisation of the GPU's peak."""
    from throughput import PEAK_TFLOPS, Bench

    if not setup.is_gpu:
        return
    import torch

    name = torch.cuda.get_device_name()
    peak = next((tflops for part, tflops in PEAK_TFLOPS.items() if part in name), math.nan)
    for model in TRIO_224:
        bench = Bench(model, setup.batch, setup.device)
        for how, compiled in (("eager", False), ("compiled", True)):
            step = bench.ours(compiled=compiled)
            first = bench.seconds(step)
            speed = bench.speed(step, setup.steps)
            share = 100 * speed * 6 * bench.flops / (peak * 1e12)
            yield Row(part="", case=f"{model}, {how}", measure="trained", value=speed, unit="images/s")
            yield Row(part="", case=f"{model}, {how}", measure="of the peak", value=share, unit="%")
            yield Row(part="", case=f"{model}, {how}", measure="first step", value=first, unit="s")


def cifar(setup: Setup) -> Iterator[Row]:
    """An epoch of a set of CIFAR-10's size that lies on the device."""
    images = 50_000 if setup.is_gpu else setup.images
    splits = setup.splits(32, images)
    for model in TRIO_32 if setup.is_gpu else TRIO_32[:1]:
        recipe = setup.recipe(
            32, epochs=1, warmup_epochs=0, batch=min(128, images), augment=("shift", "flip")
        )
        began = time.perf_counter()
        setup.train([trial(model)], recipe, splits)
        seconds = time.perf_counter() - began
        yield Row(part="", case=f"{model}, {images} images", measure="an epoch", value=seconds, unit="s")


def _rank(rank: int, folder: str, kind: str) -> None:
    import torch

    from sweep.training.batches import InMemoryBatches
    from sweep.training.loop import train
    from sweep.training.ranks import joined

    setup = Setup(torch.device(kind), 128, 32, (1,), 1)
    recipe = setup.recipe(32, epochs=1, warmup_epochs=0, micro_batch=16)
    with joined(rank, 2, torch.distributed.FileStore(f"{folder}/store", 2), setup.device) as ranks:
        batches = InMemoryBatches(setup.splits(32), recipe, setup.device, ranks=ranks)
        epochs: Any = train(
            [trial()], recipe, batches, classes=CLASSES, px=32, device=setup.device, ranks=ranks
        )
        (record,) = list(epochs)[-1]
    Path(folder, f"{rank}.txt").write_text(str(record.train_loss))


def processes(setup: Setup) -> Iterator[Row]:
    """Two processes on this device train what one trains; NCCL may refuse to share a GPU."""
    import torch

    small = setup._replace(images=128, batch=32)
    (alone,) = small.train([trial()], small.recipe(32, epochs=1, warmup_epochs=0, micro_batch=16))[-1]
    with tempfile.TemporaryDirectory() as folder:
        try:
            torch.multiprocessing.spawn(_rank, (folder, setup.device.type), nprocs=2)
        except Exception as error:  # whatever NCCL raises in the processes
            text = str(error).strip().splitlines()[-1][:100]
            yield Row(part="", case="two processes", measure="skipped", value=text)
            return
        loss = float(Path(folder, "0.txt").read_text())
    yield agrees("two processes", "training loss against one", loss, alone.train_loss, 1e-2)


PARTS: tuple[tuple[Callable[[Setup], Iterator[Row]], float], ...] = (
    (precision, 40),
    (divergence, 40),
    (resuming, 60),
    (company, 40),
    (small_packs, 80),
    (cifar, 50),
    (large_packs, 80),
    (steps, 120),
    (processes, 40),
)
"""What is checked and measured, and the seconds that it may take: the checks come first."""


def checked(setup: Setup, most_s: float) -> Iterator[Row]:
    """Yield the rows of all parts, each within its seconds."""
    began = time.perf_counter()
    for part, budget in PARTS:
        started = time.perf_counter()
        least = min(budget, most_s - (started - began))
        if least <= 0:
            yield Row(part=part.__name__, case="all", measure="skipped", value="no time left")
            continue
        try:
            for row in part(setup):
                took = time.perf_counter() - started
                yield dataclasses.replace(row, part=part.__name__, part_s=round(took, 2))
                if took > least:
                    yield Row(
                        part=part.__name__, case="the rest, if any", measure="skipped", value="no time left"
                    )
                    break
        except Exception as error:  # the other parts are still of use
            text = f"{type(error).__name__}: {error}"[:200]
            yield Row(part=part.__name__, case="all", measure="raised", value=text, ok="no")


def write(rows: list[Row], head: str, out: Path) -> None:
    """Write the rows as CSV and as Markdown."""
    names = [field.name for field in dataclasses.fields(Row)]
    with out.with_suffix(".csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(dataclasses.asdict(row) for row in rows)
    lines = [head, "", f"| {' | '.join(names)} |", "|" + "---|" * len(names)]
    for row in rows:
        cells = [f"{cell:.4g}" if isinstance(cell, float) else str(cell) for cell in dataclasses.astuple(row)]
        lines.append(f"| {' | '.join(cells)} |")
    out.with_suffix(".md").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("gpu-check"))
    parser.add_argument("--cpu", action="store_true", help="in miniature, on one thread of a CPU")
    parser.add_argument("--most-s", type=float, default=MOST_S, help="seconds for everything")
    args = parser.parse_args()
    import torch

    import sweep.models  # noqa: F401  (which also says what instructions torch may use)

    if not (args.cpu or torch.cuda.is_available()):
        print("skipped: no GPU that this torch can use; --cpu tries the script itself")
        return
    torch.set_num_threads(1)
    kind = "cpu" if args.cpu else "cuda"
    setup = Setup(torch.device(kind), 2560, 256, (1, 2, 4, 8, 16, 32, 64), 20)
    if args.cpu:
        setup = Setup(torch.device(kind), 64, 32, (1, 2), 1)
    name = "one CPU thread" if args.cpu else torch.cuda.get_device_name()
    head = f"{name}, torch {torch.__version__}, Python {sys.version.split()[0]}"
    print(head)
    rows = []
    for row in checked(setup, args.most_s):
        print(*(cell for cell in dataclasses.astuple(row) if cell != ""), sep=" | ", flush=True)
        rows.append(row)
        write(rows, head, args.out)
    sys.exit(any(row.ok == "no" for row in rows))


if __name__ == "__main__":
    main()
