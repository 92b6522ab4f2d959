"""Does a run with the study's own recipe end as it should when it is killed twice on the way?

    python benchmarks/interrupted.py --photos /usr/share/backgrounds/mate/nature [--images 192] [--epochs 50]

Cuts real photographs into JPEG files, a class a photograph, and trains vit_c_1gf and vit_p_1gf on them at
224 px, each at the study's optimum, from plan to MLflow: once undisturbed, and once with the driver killed a
third of the way and a worker of Ray two thirds of it, the same command going on. The recipe is `imagenet`
with a smaller minibatch (some hundred images make none of 2,048): AutoAugment, mixup and CutMix, smoothing,
the average of the weights, warm-up and cosine are its own. Then the two tables must be the same but for
times, and every epoch of the two journals too. Adds a line to results/interrupted.csv; exit code 1 if they
differ.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from PIL import Image
from sweep_overhead import machine

import search_spaces
from sweep.data.datasets import open_dataset
from sweep.recipes import loading as recipes
from sweep.workspace.search import FOUND

MODELS = "vit_c_1gf", "vit_p_1gf"
SIDE, BATCH = 256, 64
RESULTS = Path(__file__).parent / "results" / "interrupted.csv"
SMALLER = {"batch": BATCH, "micro_batch": BATCH // 2, "batchnorm_images": 2 * BATCH}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument(
        "--images", type=int, default=320, help="to train on; a fifth as many are the val split"
    )
    parser.add_argument("--epochs", type=int, default=50)
    args = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="interrupted-"))
    make_folder(args.photos, work / "images", args.images)
    seconds, exits = {}, {}
    for name in ("undisturbed", "killed"):
        started, folder = time.monotonic(), work / name
        folder.mkdir()
        (folder / "letter.toml").write_text(recipe_text())
        write_optima(folder, work / "images")
        exits[name] = (killed_twice if name == "killed" else undisturbed)(folder, args.epochs)
        seconds[name] = round(time.monotonic() - started)
        print(name, exits[name], f"{seconds[name]} s", flush=True)
    problems = differences(work)
    row = {
        "models": " ".join(MODELS),
        "images": args.images,
        "epochs": args.epochs,
        **seconds,
        "exits": " ".join(map(str, exits["killed"])),
        "errors": errors(work / "undisturbed"),
        "problems": "; ".join(problems),
        "machine": machine(),
    }
    note(row)
    sys.exit(f"{work} differs: {problems}" if problems else 0)


def make_folder(photos: Path, out: Path, images: int) -> None:
    """Cut photographs into squares, as many a photograph as it takes, every sixth one for the val split."""
    files = sorted(path for path in photos.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    each = -(-images * 6 // (5 * len(files)))
    for file in files:
        with Image.open(file) as photo:
            across = max(1, round(each**0.5 * photo.width / photo.height))
            down = -(-each // across)
            small = photo.convert("RGB").resize((across * SIDE, down * SIDE))
        for place in range(each):
            left, top = place % across * SIDE, place // across * SIDE
            split = out / ("val" if place % 6 == 5 else "train") / file.stem
            split.mkdir(parents=True, exist_ok=True)
            small.crop((left, top, left + SIDE, top + SIDE)).save(split / f"{place}.jpg", quality=90)


def recipe_text() -> str:
    """Return the recipe `imagenet` with what a small folder cannot have made smaller."""
    text = (Path(recipes.__file__).parent / "imagenet.toml").read_text()
    lines = [line for line in text.splitlines() if line.split(" = ")[0] not in SMALLER]
    return "\n".join([*lines, *(f"{name} = {value}" for name, value in SMALLER.items())]) + "\n"


def write_optima(folder: Path, images: Path) -> None:
    """Write the study's optima down as the ones of this recipe, for its minibatch."""
    recipe = recipes.load(str(folder / "letter.toml"))
    data = open_dataset(recipe, images).fingerprint
    rows = []
    for model in MODELS:
        optimum = search_spaces.find(model, "adamw", "imagenet").at_batch(BATCH)
        rows.append(
            search_spaces.Found(
                model=model,
                optimizer="adamw",
                recipe=recipe.name,
                lr=optimum.lr,
                weight_decay=optimum.weight_decay,
                batch=BATCH,
                epochs=recipe.epochs,
                data=data,
                top1_err=0.0,
                standard_error=0.0,
                seeds=1,
                trials=1,
                lr_low=optimum.lr / 8,
                lr_high=optimum.lr * 4,
                wd_low=optimum.weight_decay / 8,
                wd_high=optimum.weight_decay * 4,
                search="the study's",
                command="none",
                versions="none",
                found="2021-06-28",
            )
        )
    (folder / "sweeps").mkdir()
    (folder / "sweeps" / FOUND).write_text(search_spaces.to_csv(rows))


def start(folder: Path, epochs: int) -> subprocess.Popen[str]:
    """Start the command, which is also the one that goes on."""
    words = [
        "study",
        "optimizers",
        "--optimizer",
        "adamw",
        "--recipe",
        "letter.toml",
        "--data",
        "../images",
        "--epochs",
        str(epochs),
    ]
    models = [word for model in MODELS for word in ("--model", model)]
    with (folder / "output.txt").open("a") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "sweep", *words, *models],
            cwd=folder,
            text=True,
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def undisturbed(folder: Path, epochs: int) -> list[int]:
    """Run the command to its end; return its exit code."""
    return [start(folder, epochs).wait()]


def killed_twice(folder: Path, epochs: int) -> list[int]:
    """Kill the driver a third of the way, a worker two thirds of it; return the exit codes."""
    driver, wanted = start(folder, epochs), len(MODELS) * epochs
    wait_for(driver, folder, wanted // 3)
    driver.kill()
    first, driver = driver.wait(), start(folder, epochs)
    wait_for(driver, folder, 2 * wanted // 3)
    children = psutil.Process(driver.pid).children(recursive=True)
    next(child for child in children if "ray::ResourceTrainable" in " ".join(child.cmdline())).kill()
    return [first, driver.wait()]


def wait_for(driver: subprocess.Popen[str], folder: Path, epochs: int) -> None:
    """Wait until so many epochs are told."""
    while len(told(folder)) < epochs:
        if driver.poll() is not None:
            sys.exit(f"the command ended by itself: see {folder}/output.txt")
        time.sleep(0.5)


def told(folder: Path) -> list[dict[str, Any]]:
    """Return the epochs of all journals, without the time of day."""
    lines = (line for path in folder.glob("sweeps/*/journal.jsonl") for line in path.read_text().splitlines())
    events = [json.loads(line) for line in lines if line.endswith("}")]
    return [event | {"time_ms": 0} for event in events if event["event"] == "epoch"]


def exported(folder: Path) -> pd.DataFrame:
    """Return the table without times."""
    words = [sys.executable, "-m", "sweep", "export", "--out", "table.csv"]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return pd.read_csv(folder / "table.csv").drop(columns="wall_s").sort_values("key", ignore_index=True)


def errors(folder: Path) -> str:
    """Name each model's error at the end."""
    return " ".join(f"{row.model} {row.top1_err:.2f}" for row in exported(folder).itertuples())


def differences(work: Path) -> list[str]:
    """Say in what the two runs differ that ought to be the same."""

    def order(event: dict[str, Any]) -> tuple[str, int]:
        return event["key"], event["epoch"]

    one, other = work / "undisturbed", work / "killed"
    text = (other / "output.txt").read_text()
    checks = {
        "the tables": exported(one).equals(exported(other)),
        "the epochs": sorted(told(one), key=order) == sorted(told(other), key=order),
        "it did not go on from both checkpoints": text.count("resumes from its checkpoint") >= len(MODELS),
    }
    return [name for name, fine in checks.items() if not fine]


def note(row: dict[str, Any]) -> None:
    """Add a line to the results."""
    new = not RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.DictWriter(file, list(row), lineterminator="\n")
        if new:
            writer.writeheader()
        writer.writerow(row)


if __name__ == "__main__":
    main()
