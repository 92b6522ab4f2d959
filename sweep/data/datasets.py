"""Opens the data set that a recipe names. Needs numpy, Pillow and simplejpeg only."""

from pathlib import Path

from sweep.data.cifar10 import Cifar10, has_batches
from sweep.data.digits import Digits
from sweep.data.folder import ImageFolder
from sweep.data.idx import Idx
from sweep.data.images import NO_IMAGES, FileSplits, ImageDataset, Images, Splits
from sweep.data.parallel_reading import QUIETLY, DataReading
from sweep.errors import InputError
from sweep.recipes.recipe import Recipe

__all__ = [
    "NO_IMAGES",
    "DataReading",
    "FileSplits",
    "ImageDataset",
    "Images",
    "Splits",
    "check_place",
    "open_dataset",
]


def open_dataset(
    recipe: Recipe,
    path: Path | None,
    *,
    skip_corrupt: bool = False,
    reading: DataReading = QUIETLY,
) -> ImageDataset:
    """Open a recipe's data.

    Parameters
    ----------
    recipe : Recipe
        Gives the kind of data set, the data seed and the training subset.
    path : Path or None
        The folder of the data; None for ``digits``, which is built in.
    skip_corrupt : bool
        Skip unreadable images. Only for folders of images.
    reading : DataReading
        How the files of a folder of images are read.

    Raises
    ------
    InputError
        If the data is missing, damaged or unsuitable. The message names the file.
    """
    check_place(recipe, path, skip_corrupt=skip_corrupt, verify_data=reading.verify)
    if path is None:
        return Digits(recipe)
    if recipe.dataset == "idx":
        return Idx(recipe, path)
    if recipe.dataset == "cifar10" and has_batches(path):
        for given, name in ((skip_corrupt, "skip_corrupt"), (reading.verify, "verify_data")):
            if given:
                raise InputError(f"`{name}` is for folders of images; `data` {path} has CIFAR-10's own files")
        return Cifar10(recipe, path)
    return ImageFolder(recipe, path, skip_corrupt=skip_corrupt, reading=reading)


def check_place(
    recipe: Recipe, path: Path | None, *, skip_corrupt: bool = False, verify_data: bool = False
) -> None:
    """Check that a recipe's data may lie there, without reading it: that may take minutes.

    Raises
    ------
    InputError
        If the recipe has no use for the folder, needs one, or there is none.
    """
    for given, name in ((skip_corrupt, "skip_corrupt"), (verify_data, "verify_data")):
        if given and recipe.dataset not in ("folder", "cifar10"):
            raise InputError(f"`{name}` is for folders of images; the recipe {recipe.name!r} has none")
    if recipe.dataset == "digits":
        if path is not None:
            raise InputError(
                f"`data` {path}: the recipe {recipe.name!r} brings its own data; leave `data` out"
            )
    elif path is None:
        raise InputError(f"the recipe {recipe.name!r} needs its data: `data` PATH")
    elif not (path.is_dir() or (recipe.dataset == "cifar10" and path.is_file())):
        raise InputError(f"`data` {path}: {'not a folder' if path.exists() else 'no such folder'}")
