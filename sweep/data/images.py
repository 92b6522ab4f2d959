"""Labelled images: splitting, resizing and fingerprints."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sweep.errors import InputError


class Images(NamedTuple):
    """Labelled images in memory."""

    pixels: NDArray[np.uint8]
    """(images, height, width, channels), 0 to 255."""
    labels: NDArray[np.int64]
    """(images,), from 0."""

    def take(self, indices: NDArray[np.intp]) -> "Images":
        """Return the images at the given indices, in that order."""
        return Images(self.pixels[indices], self.labels[indices])


class Files(NamedTuple):
    """Labelled image files, read when they are needed."""

    paths: Sequence[str]
    """Absolute, as workers run in another folder; packed (`sweep.data.packed`), as there may be a million."""
    labels: NDArray[np.int64]
    """(images,), from 0."""


class FileSplits(NamedTuple):
    """The three disjoint parts, as in `Splits`, of a data set that is too large for memory."""

    train: Files
    minival: Files
    val: Files


class Splits(NamedTuple):
    """The three disjoint parts of a data set."""

    train: Images
    """Images to train on."""
    minival: Images
    """Images held out of the training data. Searches for optima use them: nothing is tuned on ``val``."""
    val: Images
    """Images on which the reported errors are measured."""


NO_IMAGES = Splits(*[Images(np.empty((0, 1, 1, 1), np.uint8), np.empty(0, np.int64))] * 3)
"""The splits of a user-defined training function, which has its own data."""


class ImageDataset(Protocol):
    """A data set that was found and checked."""

    classes: int
    """Number of classes."""
    skipped_images: tuple[str, ...]
    """Unreadable images that were skipped, if that was asked for."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader should know of how the images were found and read."""

    @property
    def fingerprint(self) -> str:
        """A hash of contents and split; part of every trial's key."""

    def load(self, px: int) -> Splits | FileSplits:
        """Return the splits at ``px`` × ``px`` pixels, or as files if images are loaded one by one."""


def resize(images: Images, px: int) -> Images:
    """Scale square images to ``px`` × ``px``, bilinear with antialiasing."""
    if images.pixels.shape[1:3] == (px, px):
        return images
    resized = [
        np.asarray(
            Image.fromarray(image.squeeze(-1) if image.shape[-1] == 1 else image).resize(
                (px, px), Image.Resampling.BILINEAR
            )
        )
        for image in images.pixels
    ]
    return Images(np.stack(resized).reshape(len(resized), px, px, -1), images.labels)


def stratified(labels: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Choose indices such that each class keeps its share.

    Each class is shuffled and spread evenly over the unit interval; the ``size`` smallest positions win.

    Parameters
    ----------
    labels : ndarray of int, shape (images,)
        The class of each image.
    size : int
        How many indices to choose.
    rng : numpy.random.Generator
        Shuffles the classes.

    Returns
    -------
    ndarray of int, shape (size,)
        Ascending.
    """
    position = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        position[members] = (rng.permutation(len(members)) + rng.random()) / len(members)
    return np.sort(np.argsort(position, kind="stable")[:size])


def hold_out(images: Images, size: int, rng: np.random.Generator) -> tuple[Images, Images]:
    """Hold out images, stratified by class.

    Parameters
    ----------
    images : Images
        The images to split.
    size : int
        How many to hold out.
    rng : numpy.random.Generator
        Chooses them.

    Returns
    -------
    rest, held_out : Images

    Raises
    ------
    InputError
        If there are too few images.
    """
    if not 0 < size < len(images.labels):
        raise InputError(f"cannot hold {size} images out of {len(images.labels)}: too few images")
    chosen = stratified(images.labels, size, rng)
    return images.take(np.setdiff1d(np.arange(len(images.labels)), chosen)), images.take(chosen)


def train_and_minival(
    images: Images, minival_size: int, subset: int | None, rng: np.random.Generator
) -> tuple[Images, Images]:
    """Split training images into a training and a minival split.

    Parameters
    ----------
    images : Images
        All training images.
    minival_size : int
        How many to hold out as minival.
    subset : int or None
        Train on at most this many; None: on all others.
    rng : numpy.random.Generator
        Chooses them.

    Returns
    -------
    train, minival : Images
    """
    train, minival = hold_out(images, minival_size, rng)
    if subset is not None and subset < len(train.labels):
        _, train = hold_out(train, subset, rng)
    return train, minival


class SplitImages:
    """A data set of square images in memory, split as trials need it.

    Parameters
    ----------
    train : Images
        All training images.
    val : Images
        Those on which errors are reported.
    minival_size : int
        How many of the training images to hold out as minival.
    subset : int or None
        Train on at most this many; None: on all others.
    rng : numpy.random.Generator
        Chooses them.
    """

    skipped_images: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __init__(
        self,
        train: Images,
        val: Images,
        *,
        minival_size: int,
        subset: int | None,
        rng: np.random.Generator,
    ) -> None:
        self._splits = Splits(*train_and_minival(train, minival_size, subset, rng), val)
        self.fingerprint = fingerprint(self._splits)

    def load(self, px: int) -> Splits:
        """Return the splits at a resolution of ``px`` × ``px``."""
        return Splits(*(resize(part, px) for part in self._splits))


def fingerprint(splits: Splits) -> str:
    """Hash splits to 16 hexadecimal digits, which depend on pixels, labels and their order only."""
    digest = hashlib.sha256()
    for part in splits:
        digest.update(repr(part.pixels.shape).encode())
        digest.update(np.ascontiguousarray(part.pixels).data)
        digest.update(np.ascontiguousarray(part.labels, dtype="<i8").data)
    return digest.hexdigest()[:16]
