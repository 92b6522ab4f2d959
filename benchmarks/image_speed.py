"""How fast JPEGs become batches, against torchvision's ImageFolder + Pillow + DataLoader.

    apt-get download mate-backgrounds && dpkg -x mate-backgrounds_*.deb photos
    python benchmarks/image_speed.py --photos photos/usr/share/backgrounds/mate/nature

Makes a folder of JPEGs as ImageNet's are (500 × 375 or 375 × 500) out of pieces of photographs:
scikit-learn's two and those of ``--photos``. Both pipelines then read all of it, in turns, with the same
augmentation (random resized crop to 224 px, flip, AutoAugment) and the same number of worker processes, up
to normalised batches on the device. Counted is the CPU time of all their processes, which depends less on
what else the machine does than the time that passes; its inverse is images/s per core.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

PX, BATCH = 224, 64
Pipeline = Callable[[Path, int], Iterator[Any]]
"""Of a folder and a number of workers: yields an epoch's batches."""


def photographs(folder: Path | None) -> list[Image.Image]:
    import sklearn

    folders = [Path(sklearn.__file__).parent / "datasets" / "images", *([folder] if folder else [])]
    paths = sorted(path for each in folders for path in each.glob("*.jpg"))
    return [Image.open(path).convert("RGB") for path in paths]


def make_images(root: Path, photos: list[Image.Image], count: int, long: int, quality: int = 96) -> float:
    """Write ``count`` JPEGs, nine tenths of them to train/, in two classes; return their mean size in kB."""
    rng, sizes = np.random.default_rng(0), []
    for i in range(count):
        short = long * 3 // 4
        size = (long, short) if rng.random() < 0.75 else (short, long)
        path = root / ("val" if i % 10 == 9 else "train") / "ab"[i // len(photos) % 2] / f"{i:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        _piece(photos[i % len(photos)], size, rng).save(path, quality=quality)
        sizes.append(path.stat().st_size)
    return sum(sizes) / len(sizes) / 1000


def _piece(photo: Image.Image, size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Cut out as large a piece as there is, or nearly, and scale it: downwards, so that it stays sharp."""
    most = min(photo.width / size[0], photo.height / size[1])
    scale = rng.uniform(0.75, 1) * most
    width, height = size[0] * scale, size[1] * scale
    left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - height)
    box = (left, top, left + width, top + height)
    return photo.resize(size, Image.Resampling.LANCZOS, box=box)


def reference(folder: Path, workers: int, *, favoured_sign: bool = False) -> Iterator[Any]:
    """torchvision's; ``lean``: bytes leave the worker, and are normalised on the device, as in ours."""
    import torch
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import v2

    from sweep.training.streams import MEAN, STD, auto_augment

    to_floats = [v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)]
    steps = [v2.RandomResizedCrop(PX, scale=(0.08, 1.0)), v2.RandomHorizontalFlip(), auto_augment()]
    transform = v2.Compose([*steps, v2.PILToTensor(), *([] if favoured_sign else to_floats)])
    loader = torch.utils.data.DataLoader(
        ImageFolder(folder / "train", transform), BATCH, shuffle=True, drop_last=True, num_workers=workers
    )
    on_device = v2.Compose(to_floats)
    for images, _ in loader:
        yield on_device(images) if favoured_sign else images


def lean_reference(folder: Path, workers: int) -> Iterator[Any]:
    return reference(folder, workers, favoured_sign=True)


def ours(folder: Path, workers: int) -> Iterator[Any]:
    import torch

    from sweep.data.datasets import open_dataset
    from sweep.recipes.recipe import Recipe
    from sweep.training.streams import open_batches

    augment = ("random_resized_crop", "flip", "auto_augment")
    recipe = Recipe(
        name="speed", dataset="folder", max_px=PX, epochs=1, batch=BATCH, warmup_epochs=0, augment=augment
    )
    splits = open_dataset(recipe, folder).load(PX)
    batches = open_batches(splits, recipe, torch.device("cpu"), px=PX, resize=256, loader_workers=workers)
    for batch in batches.train(0):
        yield batch.images


PIPELINES: dict[str, Pipeline] = {
    "torchvision": reference,
    "torchvision, bytes": lean_reference,
    "sweep": ours,
}


def cpu_s() -> float:
    """CPU seconds of this process and of those that it has started and that have ended."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def timed(pipeline: Pipeline, folder: Path, workers: int) -> tuple[float, float]:
    """Return CPU and wall milliseconds an image, over an epoch."""
    before, began, count = cpu_s(), time.perf_counter(), 0
    for images in pipeline(folder, workers):
        assert images.shape[1:] == (3, PX, PX)
        count += len(images)
    return 1e3 * (cpu_s() - before) / count, 1e3 * (time.perf_counter() - began) / count


def compare(folder: Path, workers: int, repeats: int) -> None:
    """Print each pipeline's medians, and how they stand to the first's of the same turn."""
    turns = [
        {name: timed(pipeline, folder, workers) for name, pipeline in PIPELINES.items()}
        for _ in range(repeats + 1)
    ][1:]  # the first one imports
    print(f"{workers} workers | CPU ms an image | images/s a core | × torchvision | wall ms an image")
    for name in PIPELINES:
        cpu, wall = (np.median([turn[name][i] for turn in turns]) for i in (0, 1))
        ratios = [turn["torchvision"][0] / turn[name][0] for turn in turns]
        print(
            f"{name} | {cpu:.2f} | {1e3 / cpu:.0f} | {np.median(ratios):.2f} "
            f"({min(ratios):.2f}–{max(ratios):.2f}) | {wall:.2f}"
        )


def memory(folder: Path, workers: int, epochs: int) -> None:
    """Print how much memory the processes hold that are not shared with others, in each tenth of an epoch."""
    import psutil

    for epoch in range(epochs):
        held = []
        for _ in ours(folder, workers):
            me = psutil.Process()
            processes = [me, *me.children(recursive=True)]
            held.append(sum(process.memory_full_info().uss for process in processes) / 2**20)
        tenths = [max(part) for part in np.array_split(held, 10)]
        print(f"epoch {epoch}: " + " ".join(f"{most:.0f}" for most in tenths) + " MB")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--images", type=int, default=1500)
    parser.add_argument("--long", type=int, default=500, help="pixels of the longer side")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", type=int, default=0, metavar="EPOCHS", help="follow the memory instead")
    args = parser.parse_args()
    import torch

    from sweep.models import _torchvision

    _torchvision.make_importable()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        photos = photographs(args.photos)
        kilobytes = make_images(Path(name), photos, args.images, args.long)
        print(f"{args.images} JPEGs of {kilobytes:.0f} kB on average, from {len(photos)} photographs")
        if args.memory:
            memory(Path(name), args.workers, args.memory)
        else:
            compare(Path(name), args.workers, args.repeats)


if __name__ == "__main__":
    main()
