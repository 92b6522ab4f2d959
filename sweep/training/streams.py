"""Batches of images that are loaded, decoded and augmented one by one, in loader workers if there are any."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from sweep.data.decode import REDUCED, Decoded, ImageFile
from sweep.data.images import FileSplits, Images, Splits
from sweep.models import _torchvision
from sweep.recipes.recipe import Recipe
from sweep.training.batches import EVAL_BATCH, Batch, Batches, InMemoryBatches
from sweep.training.randomness import derive_seed
from sweep.training.ranks import ALONE, Ranks
from sweep.utils.socket_folders import shorten_tempdir

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The usual mean and standard deviation of ImageNet's red, green and blue, which lie in 0 … 1."""
_GREY = (128, 128, 128)  # fills the border of a warped image
_AREA = (0.08, 1.0)  # of a random crop, as a share of the image
_EVALUATED = -1
_SOCKETS_BELOW = len("/pymp-12345678/listener-12345678")  # of the processes that load images
_Image = ImageFile | Decoded


def open_batches(
    splits: Splits | FileSplits,
    recipe: Recipe,
    device: torch.device,
    *,
    px: int,
    resize: int,
    evaluate: str = "val",
    loader_workers: int = 0,
    ranks: Ranks = ALONE,
) -> Batches:
    """Return the batches of a data set: held in memory, or loaded one by one if the recipe asks for it.

    Parameters
    ----------
    splits : Splits or FileSplits
        The images, in memory or in files.
    recipe : Recipe
        Decides order and augmentation.
    device : torch.device
        The device of the batches.
    px : int
        Side of an image, in pixels.
    resize : int
        Before an evaluation, an image is scaled until its shorter side has this length, in pixels, and its
        centre is cut out. Images in memory have their size already.
    evaluate : {"val", "minival"}
        The split that is evaluated.
    loader_workers : int
        Processes that load images ahead; 0: images are loaded when they are needed.
    ranks : Ranks
        The processes that train together: each loads only the images that it needs.
    """
    if isinstance(splits, Splits) and not recipe.per_image:
        return InMemoryBatches(splits, recipe, device, evaluate=evaluate, ranks=ranks)
    images = _ImageLoader(splits.train, getattr(splits, evaluate), recipe, px, resize)
    return LazyBatches(images, recipe, device, loader_workers=loader_workers, ranks=ranks)


class _Item(NamedTuple):
    """An image index, and the epoch that decides its augmentation; `_EVALUATED` for an evaluated image."""

    epoch: int
    image: int


class _ImageLoader(Dataset):
    """Loads images as uint8 tensors (px, px, 3) with their labels.

    An image's augmentation depends only on the data seed, the epoch and the image's index, not on the process
    that loads it.
    """

    def __init__(self, train: Any, evaluated: Any, recipe: Recipe, px: int, resize: int) -> None:
        self.train, self.evaluated = train, evaluated
        self._data_seed, self._background = recipe.data_seed, recipe.background
        self._augment = _augmentation(recipe.augment, px)
        self._cut = _cut(px, resize)

    def __getitem__(self, item: _Item) -> tuple[Tensor, int]:
        epoch, index = item
        part = self.evaluated if epoch == _EVALUATED else self.train
        image = self._open(part, index)
        if epoch == _EVALUATED:
            changed = self._cut(_whole(image))
        else:
            with _fork_augmentation_rng(derive_seed(self._data_seed, epoch, index)):
                changed = self._augment(image)
        return torch.from_numpy(np.array(changed)), int(part.labels[index])

    def _open(self, part: Any, index: int) -> _Image:
        if isinstance(part, Images):
            return Decoded(part.pixels[index])
        return ImageFile(part.paths[index], self._background)


class _Order:
    """The batch sampler of a `DataLoader`: yields the batches that are set before each pass.

    The items of a batch are made when it is asked for: those of a million images would take 150 MB in this
    process, and in each loader worker that is forked from it.
    """

    def __init__(self) -> None:
        self.epoch = _EVALUATED
        self.batches: list[NDArray[np.int64]] = []

    def __iter__(self) -> Iterator[list[_Item]]:
        epoch = self.epoch
        return ([_Item(epoch, index) for index in batch.tolist()] for batch in self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class LazyBatches:
    """The batches of a data set that is loaded image by image.

    They are the same for every trial and for any number of loader workers.

    Parameters
    ----------
    images : torch.utils.data.Dataset
        Loads and augments an image.
    recipe : Recipe
        Batch size and data seed.
    device : torch.device
        The device of the batches.
    loader_workers : int
        Processes that load images ahead.
    ranks : Ranks
        The processes that train together.
    """

    def __init__(
        self,
        images: _ImageLoader,
        recipe: Recipe,
        device: torch.device,
        *,
        loader_workers: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self._images, self._recipe, self._device, self._ranks = images, recipe, device, ranks
        self._order = _Order()
        if loader_workers:
            shorten_tempdir(_SOCKETS_BELOW)
        self._loader = DataLoader(
            images,
            batch_sampler=self._order,
            num_workers=loader_workers,
            persistent_workers=loader_workers > 0,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # otherwise it would draw from the global one
        )
        self._mean, self._std = (
            torch.tensor(m, device=device).reshape(1, 3, 1, 1) * 255 for m in (MEAN, STD)
        )

    @property
    def steps(self) -> int:
        """Batches in an epoch; the last batch is dropped if it is smaller."""
        return len(self._images.train.labels) // self._recipe.batch

    def train(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch, beginning with batch ``start``; both count from 0."""
        generator = torch.Generator().manual_seed(derive_seed(self._recipe.data_seed, epoch))
        order = torch.randperm(len(self._images.train.labels), generator=generator).numpy()
        size, own = self._recipe.batch, self._ranks.indices(self._recipe)
        batches = [order[step * size : (step + 1) * size][own] for step in range(start, self.steps)]
        return self._load(epoch, batches)

    def evaluation(self) -> Iterator[Batch]:
        """Yield the evaluated split in batches, in its order."""
        count = len(self._images.evaluated.labels)
        own = self._ranks.evaluated(count)
        indices = np.arange(own.start, own.stop)
        return self._load(
            _EVALUATED, [indices[at : at + EVAL_BATCH] for at in range(0, len(indices), EVAL_BATCH)]
        )

    def _load(self, epoch: int, batches: list[NDArray[np.int64]]) -> Iterator[Batch]:
        self._order.epoch, self._order.batches = epoch, batches
        for pixels, labels in self._loader:
            moved = pixels.to(self._device, non_blocking=True).permute(0, 3, 1, 2)  # in memory: channels last
            images = moved.float().sub_(self._mean).div_(self._std)  # in place: fresh memory costs more
            yield Batch(images, labels.to(self._device, non_blocking=True))


@contextmanager
def _fork_augmentation_rng(seed: int) -> Iterator[None]:
    """Seed the global generators that augmentations draw from, and restore them afterwards."""
    states = random.getstate(), torch.get_rng_state()
    try:
        random.seed(seed)
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        torch.set_rng_state(states[1])


def _augmentation(names: tuple[str, ...], px: int) -> Callable[[_Image], Image.Image]:
    """Return the transform of a training image: the named augmentations in their order."""
    _torchvision.make_importable()
    from torchvision.transforms import v2

    known: dict[str, Callable[[], Any]] = {
        "random_resized_crop": lambda: v2.RandomResizedCrop(px, scale=_AREA),
        "flip": v2.RandomHorizontalFlip,
        "auto_augment": auto_augment,
    }
    if names[0] == "random_resized_crop":  # no earlier step needs the whole image
        return v2.Compose([_RandomResizedCrop(px), *(known[name]() for name in names[1:])])
    steps = [known[name]() for name in names]
    return v2.Compose([_whole, *steps] if "random_resized_crop" in names else [_whole, _cut(px, px), *steps])


def _whole(image: _Image) -> Image.Image:
    return Image.fromarray(image.pixels())


class _RandomResizedCrop:
    """torchvision's random crop, drawn before the image is decoded: large JPEGs are decoded reduced.

    The reduced crop never has fewer pixels than the result. torch resizes it like Pillow, to within one level
    of 255 (torch's kernel for bytes is a port of Pillow's), in half the time.
    """

    def __init__(self, px: int) -> None:
        _torchvision.make_importable()
        from torchvision.transforms import v2

        self._px, self._drawn = px, v2.RandomResizedCrop(px, scale=_AREA)

    def __call__(self, image: _Image) -> Image.Image:
        of_its_size = torch.empty(1).expand(image.height, image.width)
        params = self._drawn.make_params([of_its_size])
        left, top, width, height = (params[side] for side in ("left", "top", "width", "height"))
        divisor = next(d for d in REDUCED if d == 1 or min(width, height) >= d * self._px)
        pixels = image.pixels(divisor)
        rows = _shrunk(top, height, image.height, pixels.shape[0])
        columns = _shrunk(left, width, image.width, pixels.shape[1])
        crop = torch.from_numpy(np.ascontiguousarray(pixels[rows, columns])).unsqueeze(0).permute(0, 3, 1, 2)
        resized = F.interpolate(crop, (self._px, self._px), mode="bilinear", antialias=True)
        return Image.fromarray(resized[0].permute(1, 2, 0).numpy())


def _shrunk(start: int, length: int, of: int, now_of: int) -> slice:
    """Return where a part of a side of length ``of`` lies when the side is decoded at length ``now_of``."""
    size = round(length * now_of / of)
    first = min(round(start * now_of / of), now_of - size)
    return slice(first, first + size)


def _cut(px: int, resize: int) -> Callable[[Image.Image], Image.Image]:
    _torchvision.make_importable()
    from torchvision.transforms import v2

    return v2.Compose([v2.Resize(resize), v2.CenterCrop(px)])


def _constant(bits: int, *_: Any) -> tuple[int]:
    return (bits,)


def auto_augment() -> Any:
    """Return AutoAugment as in the study's code (pycls): timm's policy v0, bilinear, with grey borders.

    Posterizing keeps at least one bit, as in that code. timm's policy would keep none, which Pillow refuses.
    """
    from timm.data.auto_augment import auto_augment_transform

    hparams = {"interpolation": Image.Resampling.BILINEAR, "img_mean": _GREY}
    transform = auto_augment_transform("v0", hparams)
    for operation in (each for pair in transform.policy for each in pair):
        if operation.name == "Posterize":
            (bits,) = operation.level_fn(operation.magnitude, hparams)
            operation.level_fn = partial(_constant, max(1, bits))
    return transform
