"""How long does a command plan on a folder of ImageNet's size, and how much memory do its images' names take?

    python benchmarks/large_folder.py
    python benchmarks/large_folder.py --data IMAGENET

Makes 1.3 million training and 50,000 validation files: hard links to a thousand small JPEGs, as only their
number counts. Plans twice, in processes of their own: the first command hashes all files, the second must
read none. Then a worker with its readers loads some minibatches, its files' names from Ray's object store,
with that folder and with a small one. Memory is the sum of what each process holds, shared pages divided
among those that share them (PSS). The folder and the hashes are removed in the end. ``--data`` takes a folder
that is there, whose first classes are the small one.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES, FEW, PX, SETTLE_S = 1000, 4, 224, 11


def make_folder(root: Path, train: int, val: int) -> None:
    """Write class folders with so many images each."""
    rng = np.random.default_rng(0)
    root.mkdir()
    for label in range(CLASSES):
        pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        source = root / f"{label}.jpg"
        Image.fromarray(pixels).resize((40, 30)).save(source)
        for split, count in (("train", train), ("val", val)):
            folder = root / split / f"n{label:08}"
            folder.mkdir(parents=True)
            for i in range(count):
                os.link(source, folder / f"n{label:08}_{i:05}.JPEG")


def small_folder(root: Path, large: Path) -> Path:
    """Return a folder with some of the classes."""
    for split in ("train", "val"):
        (root / split).mkdir(parents=True)
        for folder in sorted((large.resolve() / split).iterdir())[:FEW]:
            (root / split / folder.name).symlink_to(folder)
    return root


def plan(data: Path, **options: Any) -> Any:
    from sweep.planning.command_options import Request
    from sweep.planning.plans import make_plans

    (planned,) = make_plans(Request(models=["vit_p_1gf"], n=64, recipe="imagenet", data=data, **options))
    return planned


def timed_plan(data: Path, *options: str) -> dict[str, Any]:
    """Plan in a process of its own; return its seconds, CPU seconds, memory, and how many files it read."""
    words = [sys.executable, __file__, "--plan", str(data), *options]
    began = time.perf_counter()
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    return {"wall_s": round(time.perf_counter() - began, 1)} | json.loads(done.stdout.splitlines()[-1])


def plan_here(data: Path, options: dict[str, bool]) -> None:
    import resource

    from sweep.data import survey

    read, read_bytes = [0], survey.read_bytes

    def counted(path: Path | str) -> bytes:
        read[0] += 1
        return read_bytes(path)

    survey.read_bytes = counted
    fingerprint = plan(data, **options).plan.data_fingerprint
    use = resource.getrusage(resource.RUSAGE_SELF)
    facts = {"cpu_s": round(use.ru_utime + use.ru_stime, 1), "mb": use.ru_maxrss // 1024}
    print(json.dumps(facts | {"files_read": read[0], "fingerprint": fingerprint}))


def worker_memory(data: Path, readers: int) -> float:
    """Return the MB of a worker that trains on a folder, with its readers."""
    import ray

    planned = plan(data)
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        shared = ray.put(planned.splits)
        return ray.get(ray.remote(_loads).remote([shared], planned.plan.recipe, readers))
    finally:
        ray.shutdown()


def _loads(shared: list[Any], recipe: Any, readers: int) -> float:
    import dataclasses

    import psutil
    import ray
    import torch

    from sweep.training.streams import open_batches

    torch.set_num_threads(1)
    recipe = dataclasses.replace(recipe, batch=32, micro_batch=None)
    device = torch.device("cpu")
    batches = open_batches(ray.get(shared[0]), recipe, device, px=PX, resize=256, loader_workers=readers)
    for _, _ in zip(range(3 * readers), batches.train(0), strict=False):
        me = psutil.Process()
        held = sum(each.memory_full_info().pss for each in (me, *me.children(recursive=True)))
    return held / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=int, default=1300, help="images a class")
    parser.add_argument("--val", type=int, default=50)
    parser.add_argument("--data", type=Path, help="a folder with train/ and val/, instead of making one")
    parser.add_argument("--readers", type=int, default=8)
    parser.add_argument("--plan", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--verify", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.plan:
        return plan_here(args.plan, {"verify_data": args.verify})
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        os.environ["SWEEP_CACHE_DIR"] = str(root / "cache")
        if not args.data:
            make_folder(root / "data", args.train, args.val)
            print(f"{CLASSES * (args.train + args.val):,} files", flush=True)
            time.sleep(SETTLE_S)  # what has just changed is read again
        measure(args.data or root / "data", root / "few", args.readers)


def measure(data: Path, few: Path, readers: int) -> None:
    for what, *options in (("first",), ("second",), ("verified", "--verify")):
        print(what, timed_plan(data, *options), flush=True)
    for what, folder in (("few", small_folder(few, data)), ("all", data)):
        megabytes = worker_memory(folder, readers)
        print(f"{what}: worker and {readers} readers {megabytes:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
