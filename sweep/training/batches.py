"""Batches of images that are held in the device's memory."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from sweep.data.images import Images, Splits
from sweep.recipes.recipe import Recipe
from sweep.training.ranks import ALONE, Ranks

EVAL_BATCH = 500


class Batch(NamedTuple):
    """Normalised images (batch, 3, height, width) and their labels: (batch,), or mixed (batch, classes)."""

    images: Tensor
    labels: Tensor


class Batches(Protocol):
    """The batches of a data set, the same for every trial that trains on it.

    If several processes train together, each gets its part of every training batch and of the evaluated
    split.
    """

    @property
    def steps(self) -> int:
        """Batches in an epoch; the last batch is dropped if it is smaller."""

    def train(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, beginning with batch ``start``; both count from 0."""

    def evaluation(self) -> Iterator[Batch]:
        """Yield the evaluated split in batches, in its order."""


class _Pixels(NamedTuple):
    pixels: Tensor  # (images, channels, height, width), uint8
    labels: Tensor


class InMemoryBatches:
    """The batches of a data set that is held in the device's memory.

    Order and augmentation depend only on the recipe's data seed and the epoch. They are drawn on the CPU, so
    that every device gets the same.

    Parameters
    ----------
    splits : Splits
        The images.
    recipe : Recipe
        Batch size, augmentation and data seed.
    device : torch.device
        Where the images are kept.
    evaluate : {"val", "minival"}
        The split that is evaluated.
    ranks : Ranks
        The processes that train together.
    """

    def __init__(
        self,
        splits: Splits,
        recipe: Recipe,
        device: torch.device,
        *,
        evaluate: str = "val",
        ranks: Ranks = ALONE,
    ) -> None:
        self._recipe, self._device, self._ranks = recipe, device, ranks
        self._train = _to_tensors(splits.train, device)
        self._eval = _to_tensors(getattr(splits, evaluate), device)
        self._mean, self._std = _moments(self._train.pixels)

    @property
    def steps(self) -> int:
        """Batches in an epoch; the last batch is dropped if it is smaller."""
        return len(self._train.labels) // self._recipe.batch

    def train(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, beginning with batch ``start``; both count from 0.

        The skipped batches are drawn as well, so that the others stay the same.
        """
        generator = torch.Generator().manual_seed(self._recipe.data_seed * 1_000_003 + epoch)
        order = torch.randperm(len(self._train.labels), generator=generator).to(self._device)
        size, own = self._recipe.batch, self._ranks.indices(self._recipe)
        for step in range(self.steps):
            chosen = order[step * size : (step + 1) * size]
            images = self._train.pixels[chosen]
            for name in self._recipe.augment:
                images = _AUGMENTATIONS[name](images, generator)
            if step >= start:
                yield Batch(self._normalise(images[own]), self._train.labels[chosen[own]])

    def evaluation(self) -> Iterator[Batch]:
        """Yield the evaluated split in batches, in its order."""
        own = self._ranks.evaluated(len(self._eval.labels))
        for start in own[::EVAL_BATCH]:
            part = slice(start, min(start + EVAL_BATCH, own.stop))
            yield Batch(self._normalise(self._eval.pixels[part]), self._eval.labels[part])

    def _normalise(self, pixels: Tensor) -> Tensor:
        images = (pixels.float() - self._mean) / self._std
        return images.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


def _to_tensors(images: Images, device: torch.device) -> _Pixels:
    pixels = torch.from_numpy(images.pixels.transpose(0, 3, 1, 2).copy())
    return _Pixels(pixels.to(device), torch.tensor(images.labels).to(device))


def _moments(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Return each channel's mean and standard deviation, (1, channels, 1, 1), from exact integer sums."""
    levels = torch.arange(256)
    counts = torch.stack([torch.bincount(c.flatten(), minlength=256) for c in pixels.cpu().unbind(1)])
    count = pixels.numel() // pixels.shape[1]
    total, squares = (counts * levels).sum(1), (counts * levels**2).sum(1)
    mean = total.double() / count
    std = (squares.double() / count - mean**2).clamp(min=1).sqrt()  # an all-black set must not divide by 0
    return tuple(m.float().reshape(1, -1, 1, 1).to(pixels.device) for m in (mean, std))  # type: ignore[return-value]


def _shift(images: Tensor, generator: torch.Generator) -> Tensor:
    """Shift each image by up to an eighth of its side in both directions; fill with zeros."""
    count, _, height, width = images.shape
    reach = max(1, height // 8)
    dy, dx = torch.randint(2 * reach + 1, (2, count), generator=generator).to(images.device)
    padded = F.pad(images, (reach,) * 4)
    rows = (dy[:, None] + torch.arange(height, device=images.device))[:, None, :, None]
    columns = (dx[:, None] + torch.arange(width, device=images.device))[:, None, None, :]
    channels = torch.arange(images.shape[1], device=images.device)[None, :, None, None]
    return padded[torch.arange(count, device=images.device)[:, None, None, None], channels, rows, columns]


def _flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Mirror each image horizontally with probability ½."""
    mirrored = (torch.rand(len(images), generator=generator) < 0.5).to(images.device)
    return torch.where(mirrored[:, None, None, None], images.flip(-1), images)


_AUGMENTATIONS = {"shift": _shift, "flip": _flip}
