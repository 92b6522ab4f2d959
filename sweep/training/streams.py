"""Batches of images that are read, decoded and augmented one by one, in worker processes if there are any."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
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

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet's red, green and blue, as everybody uses them."""
_GREY = (128, 128, 128)  # what a warped image leaves free
_AREA = (0.08, 1.0)  # of a random crop
_EVALUATED = -1
_Image = ImageFile | Decoded


def open_batches(
    splits: Splits | FileSplits,
    recipe: Recipe,
    device: torch.device,
    *,
    px: int,
    resize: int,
    evaluate: str = "val",
    readers: int = 0,
    ranks: Ranks = ALONE,
) -> Batches:
    """Return the batches of a data set: kept on the device, or read one by one if the recipe asks for it.

    Parameters
    ----------
    splits : Splits or FileSplits
        The images, in memory or in files.
    recipe : Recipe
        Decides order and augmentation.
    device : torch.device
        Where the batches go.
    px : int
        Side of an image, in pixels.
    resize : int
        An evaluated image is scaled until its shorter side is this long, and its centre is cut out. Images
        that are kept on the device have their size already.
    evaluate : {"val", "minival"}
        The split that is evaluated.
    readers : int
        Processes that read ahead; 0: none, the images are read as they are needed.
    ranks : Ranks
        The processes that train together: only the images that this one needs are read.
    """
    if isinstance(splits, Splits) and not recipe.per_image:
        return InMemoryBatches(splits, recipe, device, evaluate=evaluate, ranks=ranks)
    images = _Reader(splits.train, getattr(splits, evaluate), recipe, px, resize)
    return LazyBatches(images, recipe, device, readers=readers, ranks=ranks)


class _Place(NamedTuple):
    """Which image, and in which epoch it is augmented; or that it is evaluated."""

    epoch: int
    image: int


class _Reader(Dataset):
    """Images as tensors of bytes, (px, px, 3), with their labels.

    How one is augmented depends on the data seed, the epoch and its index alone, whoever reads it.
    """

    def __init__(self, train: Any, evaluated: Any, recipe: Recipe, px: int, resize: int) -> None:
        self.train, self.evaluated = train, evaluated
        self._data_seed = recipe.data_seed
        self._augment = _augmentation(recipe.augment, px)
        self._cut = _cut(px, resize)

    def __getitem__(self, place: _Place) -> tuple[Tensor, int]:
        epoch, index = place
        part = self.evaluated if epoch == _EVALUATED else self.train
        image = Decoded(part.pixels[index]) if isinstance(part, Images) else ImageFile(part.paths[index])
        if epoch == _EVALUATED:
            changed = self._cut(_whole(image))
        else:
            with _seeded(derive_seed(self._data_seed, epoch, index)):
                changed = self._augment(image)
        return torch.from_numpy(np.array(changed)), int(part.labels[index])


class _Order:
    """The batches that are wanted next."""

    def __init__(self) -> None:
        self.batches: list[list[_Place]] = []

    def __iter__(self) -> Iterator[list[_Place]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class LazyBatches:
    """All batches of a data set, the same for every trial and for any number of readers."""

    def __init__(
        self, images: _Reader, recipe: Recipe, device: torch.device, *, readers: int, ranks: Ranks = ALONE
    ) -> None:
        self._images, self._recipe, self._device, self._ranks = images, recipe, device, ranks
        self._order = _Order()
        self._loader = DataLoader(
            images,
            batch_sampler=self._order,
            num_workers=readers,
            persistent_workers=readers > 0,
            pin_memory=device.type == "cuda",
            generator=torch.Generator(),  # else it draws from the global one
        )
        self._mean, self._std = (
            torch.tensor(m, device=device).reshape(1, 3, 1, 1) * 255 for m in (MEAN, STD)
        )

    @property
    def steps(self) -> int:
        """Batches in an epoch; the last, smaller one is left out."""
        return len(self._images.train.labels) // self._recipe.batch

    def train(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        """Yield the batches of an epoch (from 0), from its ``start``-th on."""
        generator = torch.Generator().manual_seed(derive_seed(self._recipe.data_seed, epoch))
        order = torch.randperm(len(self._images.train.labels), generator=generator).tolist()
        size, own = self._recipe.batch, self._ranks.places(self._recipe)
        parts = [[order[step * size + place] for place in own] for step in range(start, self.steps)]
        return self._read([[_Place(epoch, index) for index in part] for part in parts])

    def evaluation(self) -> Iterator[Batch]:
        """Yield the images that are evaluated, in their order."""
        count = len(self._images.evaluated.labels)
        places = [_Place(_EVALUATED, index) for index in self._ranks.evaluated(count)]
        return self._read([places[at : at + EVAL_BATCH] for at in range(0, len(places), EVAL_BATCH)])

    def _read(self, batches: list[list[_Place]]) -> Iterator[Batch]:
        self._order.batches = batches
        for pixels, labels in self._loader:
            moved = pixels.to(self._device, non_blocking=True).permute(0, 3, 1, 2)  # in memory: channels last
            images = moved.float().sub_(self._mean).div_(self._std)  # in place: fresh memory costs more
            yield Batch(images, labels.to(self._device, non_blocking=True))


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed the global generators that our augmentations draw from, and leave them as they were."""
    states = random.getstate(), torch.get_rng_state()
    try:
        random.seed(seed)
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        torch.set_rng_state(states[1])


def _augmentation(names: tuple[str, ...], px: int) -> Callable[[_Image], Image.Image]:
    """Return what is done to an image that is trained on, one step after the other."""
    _torchvision.make_importable()
    from torchvision.transforms import v2

    known: dict[str, Callable[[], Any]] = {
        "random_resized_crop": lambda: v2.RandomResizedCrop(px, scale=_AREA),
        "flip": v2.RandomHorizontalFlip,
        "auto_augment": auto_augment,
    }
    if names[0] == "random_resized_crop":  # nothing before it needs the whole image
        return v2.Compose([_RandomResizedCrop(px), *(known[name]() for name in names[1:])])
    steps = [known[name]() for name in names]
    return v2.Compose([_whole, *steps] if "random_resized_crop" in names else [_whole, _cut(px, px), *steps])


def _whole(image: _Image) -> Image.Image:
    return Image.fromarray(image.pixels())


class _RandomResizedCrop:
    """torchvision's, but drawn before the image is decoded, so that a large one is decoded at a reduced size.

    It is never reduced to fewer pixels than the crop will have. Resized as in Pillow, to within one level of
    255 (torch's kernel for bytes is a port of it), in half the time.
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
    """Return where a part of a side lies when the side is decoded at another length."""
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
    """Return AutoAugment as the study's code has it: timm's policy v0, bilinear, the free part grey.

    That code keeps one bit at least where it posterizes; timm's policy asks for none, which Pillow refuses.
    """
    from timm.data.auto_augment import auto_augment_transform

    hparams = {"interpolation": Image.Resampling.BILINEAR, "img_mean": _GREY}
    transform = auto_augment_transform("v0", hparams)
    for operation in (each for pair in transform.policy for each in pair):
        if operation.name == "Posterize":
            (bits,) = operation.level_fn(operation.magnitude, hparams)
            operation.level_fn = partial(_constant, max(1, bits))
    return transform
