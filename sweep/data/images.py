"""Images with labels, and how they are split, resized and told apart."""

import hashlib
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sweep.errors import InputError


class Images(NamedTuple):
    """A labelled set of images."""

    pixels: NDArray[np.uint8]
    """(images, height, width, channels), 0 to 255."""
    labels: NDArray[np.int64]
    """(images,), from 0."""

    def take(self, indices: NDArray[np.intp]) -> "Images":
        """Return the images at the given indices, in that order."""
        return Images(self.pixels[indices], self.labels[indices])


class Files(NamedTuple):
    """A labelled set of image files, read when they are needed."""

    paths: tuple[str, ...]
    """Absolute: whoever reads them works in another folder."""
    labels: NDArray[np.int64]
    """(images,), from 0."""


class FileSplits(NamedTuple):
    """The three disjoint parts of a data set that is too large for memory, as in `Splits`."""

    train: Files
    minival: Files
    val: Files


class Splits(NamedTuple):
    """The three disjoint parts of a data set."""

    train: Images
    minival: Images
    """Held out of the training data: optima are searched on it, so that ``val`` is never tuned on."""
    val: Images
    """What is reported."""


NO_IMAGES = Splits(*[Images(np.empty((0, 1, 1, 1), np.uint8), np.empty(0, np.int64))] * 3)
"""The splits of what trains on no images of ours."""


class ImageDataset(Protocol):
    """A data set that has been found and checked."""

    classes: int
    skipped_images: tuple[str, ...]
    """Images that cannot be read, if those were to be left out."""

    @property
    def fingerprint(self) -> str:
        """A hash of its contents and split: part of every trial's key."""

    def load(self, px: int) -> Splits | FileSplits:
        """Return the splits at a resolution of ``px`` × ``px``, or as files if they are read one by one."""


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
    """Choose ``size`` indices with the classes in the same shares as in ``labels``, in ascending order.

    Every class is shuffled and spread evenly over the unit interval; the first ``size`` places win.
    """
    place = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        place[members] = (rng.permutation(len(members)) + rng.random()) / len(members)
    return np.sort(np.argsort(place, kind="stable")[:size])


def hold_out(images: Images, size: int, rng: np.random.Generator) -> tuple[Images, Images]:
    """Split off ``size`` images, stratified by class: (the rest, those split off)."""
    if not 0 < size < len(images.labels):
        raise InputError(f"cannot hold {size} images out of {len(images.labels)}: too few images")
    chosen = stratified(images.labels, size, rng)
    return images.take(np.setdiff1d(np.arange(len(images.labels)), chosen)), images.take(chosen)


def train_and_minival(
    images: Images, minival_size: int, subset: int | None, rng: np.random.Generator
) -> tuple[Images, Images]:
    """Split training images into those trained on, at most ``subset`` of them, and the minival split."""
    train, minival = hold_out(images, minival_size, rng)
    if subset is not None and subset < len(train.labels):
        _, train = hold_out(train, subset, rng)
    return train, minival


def fingerprint(splits: Splits) -> str:
    """Hash splits to 16 hexadecimal digits: the same pixels in the same order give the same digits."""
    digest = hashlib.sha256()
    for part in splits:
        digest.update(repr(part.pixels.shape).encode())
        digest.update(np.ascontiguousarray(part.pixels).data)
        digest.update(np.ascontiguousarray(part.labels, dtype="<i8").data)
    return digest.hexdigest()[:16]
