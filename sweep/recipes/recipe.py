"""Recipes: everything about a training except the model, the optimizer, the point and the seed."""

import math
import re
from dataclasses import dataclass
from typing import Any

from sweep.errors import InputError
from sweep.recipes.metric import MetricSpec

DATASETS = ("digits", "idx", "cifar10", "folder")
BACKGROUNDS = ("white", "black", "grey")
AUGMENTATIONS = ("shift", "flip", "random_resized_crop", "auto_augment")
PER_IMAGE = ("random_resized_crop", "auto_augment")
"""Augmentations that take images of any size. With one of them, images are loaded one by one."""
READING = "JPEGs reduced to their crop, resized by torch"
"""How images that are loaded one by one are decoded. It affects their pixels, so that it is part of the trial
keys."""
MAX_SEED = 2**32
SWEPT = ("ema_rate", "label_smoothing", "min_lr_factor", "warmup_epochs", "warmup_factor")
"""Fields that may differ between the trials of a sweep. The others decide the batches, which trials share."""
_MOST_ALPHA = 100.0
LARGEST_EXACT = 2**53
"""Floats represent all whole numbers up to this one exactly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Data, resolution, epochs, batch, augmentation, schedule and EMA."""

    name: str
    """The name of its file. Sweeps are called after it, and optima belong to it."""
    dataset: str
    """Which loader reads the data: ``digits``, ``idx`` (MNIST's files), ``cifar10`` (its authors' files, or
    class folders) or ``folder`` (class folders)."""
    max_px: int
    """The largest side of an image, in pixels. A model trains at its own resolution if that is smaller."""
    epochs: int
    """Length of the training."""
    batch: int
    """Images in a minibatch. A smaller one at the end of an epoch is left out."""
    warmup_epochs: float
    """Epochs over which the learning rate rises to its peak."""
    warmup_factor: float = 0.1
    """The share of its scheduled value at which the learning rate starts."""
    min_lr_factor: float = 0.005
    """The share of its peak at which the learning rate ends, after a cosine."""
    label_smoothing: float = 0.0
    """The share of each label that is spread over all classes."""
    augment: tuple[str, ...] = ()
    """Any of these. ``shift``: by up to an eighth of the side, the border is filled with zeros. ``flip``:
    horizontally. ``random_resized_crop``: 8 to 100 % of the area. ``auto_augment``: the ImageNet policy
    (arXiv:1805.09501)."""
    mixup_alpha: float = 0.0
    """Mix pairs of images; the share is drawn from Beta(α, α) (arXiv:1710.09412). 0: no mixup."""
    cutmix_alpha: float = 0.0
    """Paste a part of one image into another (arXiv:1905.04899). 0: no CutMix. With both, each minibatch has
    either mixup or CutMix."""
    micro_batch: int | None = None
    """Images that are computed at once; their gradients are added up to that of the minibatch. BatchNorm's
    statistics are those of one micro-batch. Not given: the whole minibatch."""
    mixed_precision: bool = False
    """Compute in bfloat16 on a GPU, or in float16 with scaled gradients if it has no bfloat16. No effect on a
    CPU."""
    compile: bool = False
    """Compile the model for its training steps (``torch.compile``), once a worker for all trials of a model.
    The first trial of a worker takes up to some minutes longer. The last bits of a result, and what dropout
    draws, then depend on the machine's compiler."""
    batchnorm_images: int = 0
    """Before an evaluation, BatchNorm's statistics are computed anew on this many images of the epoch, in
    micro-batches, without mixup or CutMix (the paper: 8,192). 0: they are running averages, averaged like the
    weights."""
    test_crop: float = 1.0
    """The share of the shorter side that is cut out of an image before it is evaluated. If it is less than 1,
    the paper's RegNetYs have a test resolution of their own. Only where images are read one at a time (see
    ``augment``)."""
    ema_steps: int = 0
    """Steps between two updates of the averaged weights. 0: no averaging."""
    ema_rate: float = 1e-5
    """An update moves the average by the share ``ema_rate · batch · ema_steps / epochs``."""
    background: str = "white"
    """The colour that shows through transparent images of a folder: ``white``, ``black``, ``grey`` or
    ``#rrggbb``."""
    train_subset: int | None = None
    """Train on this many images, drawn evenly from the classes. Not given: all of them."""
    data_seed: int = 0
    """Decides splits, order and augmentation. It is the same for every trial."""
    trainer: str | None = None
    """A user-defined training function, which has its own data and schedule. Of the other fields, only
    ``epochs`` has a meaning then."""
    metric: MetricSpec | None = None
    """What a user-defined training function reports; None: the top-1 error in percent."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise InputError(f"recipe {self.name!r}: " + "; ".join(problems))

    @property
    def per_image(self) -> bool:
        """Whether images are loaded and augmented one by one, instead of held in memory at one size."""
        return bool(set(self.augment) & set(PER_IMAGE))

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others of their minibatch (mixup or CutMix)."""
        return bool(self.mixup_alpha or self.cutmix_alpha)

    @property
    def micro_batches(self) -> int:
        """The number of micro-batches in a minibatch."""
        return math.ceil(self.batch / (self.micro_batch or self.batch))

    @property
    def smallest_micro_batch(self) -> int:
        """Images in a minibatch's last micro-batch, which is the smallest."""
        size = self.micro_batch or self.batch
        return self.batch % size or size

    def check_shared(self, processes: int) -> None:
        """Check that several processes, one per GPU, can share the micro-batches of each minibatch.

        Raises
        ------
        InputError
            If the number of micro-batches is not a multiple of the number of processes.
        """
        parts, size = self.micro_batches, self.micro_batch or self.batch
        if self.trainer or parts % processes == 0:
            return
        fits = [n for n in range(1, parts + 1) if parts % n == 0]
        sizes = [math.ceil(self.batch / n) for n in range(processes, self.batch + 1, processes)]
        better = [size for size in sizes if math.ceil(self.batch / size) % processes == 0]
        remedy = f"; a recipe of your own with micro_batch = {better[0]} would" if better else ""
        raise InputError(
            f"`gpus_per_trial` {processes}: recipe {self.name!r} computes a minibatch of {self.batch} images "
            f"in micro-batches of {size} (the images that BatchNorm sees at once). That works with "
            f"{', '.join(map(str, fits))} GPU{'s' * (parts > 1)}, not with {processes}{remedy}."
        )

    def px(self, own_px: int) -> int:
        """Return the resolution at which a model trains, given the model's own resolution, in pixels."""
        return min(own_px, self.max_px)


def _problems(recipe: Recipe) -> Any:
    """Yield all problems of a recipe."""
    if recipe.dataset not in DATASETS and recipe.trainer is None:
        yield f"dataset must be one of {', '.join(DATASETS)}, got {recipe.dataset!r}"
    for name in ("max_px", "epochs", "batch"):
        value = getattr(recipe, name)
        if not 1 <= value < LARGEST_EXACT:
            rule = "at least 1" if value < 1 else "less than 2^53"
            yield f"{name} must be {rule}, got {str(value)[:40]}"
    if not 0 <= recipe.warmup_epochs <= recipe.epochs:
        yield f"warmup_epochs must lie in 0 … {recipe.epochs} (epochs), got {recipe.warmup_epochs}"
    for name in ("warmup_factor", "min_lr_factor", "label_smoothing", "ema_rate"):
        if not 0 <= getattr(recipe, name) < 1:
            yield f"{name} must lie in 0 … 1, got {getattr(recipe, name)}"
    for name in sorted(set(recipe.augment) - set(AUGMENTATIONS)):
        yield f"augment takes {', '.join(AUGMENTATIONS)}, got {name!r}"
    if recipe.background not in BACKGROUNDS and not re.fullmatch("#[0-9a-fA-F]{6}", recipe.background):
        yield f"background must be {', '.join(BACKGROUNDS)} or #rrggbb, got {recipe.background!r}"
    yield from _mixing_problems(recipe)
    if recipe.ema_steps < 0:
        yield f"ema_steps must not be negative, got {recipe.ema_steps}"
    if not 0 <= recipe.data_seed < MAX_SEED:
        yield f"data_seed must lie in 0 … {MAX_SEED - 1}, got {recipe.data_seed}"
    if recipe.train_subset is not None and recipe.train_subset < recipe.batch:
        yield f"train_subset must hold a batch ({recipe.batch} images), got {recipe.train_subset}"


def _mixing_problems(recipe: Recipe) -> Any:
    """Yield the problems of augmentation, mixing and micro-batches."""
    if recipe.per_image and "shift" in recipe.augment:
        yield f"augment: shift does not go with {' or '.join(PER_IMAGE)}"
    for name in ("mixup_alpha", "cutmix_alpha"):
        if not 0 <= getattr(recipe, name) <= _MOST_ALPHA:
            yield f"{name} must lie in 0 … {_MOST_ALPHA:g}, got {getattr(recipe, name)}"
    if recipe.micro_batch is not None and not 1 <= recipe.micro_batch <= recipe.batch:
        yield f"micro_batch must lie in 1 … {recipe.batch} (batch), got {recipe.micro_batch}"
    if recipe.batchnorm_images and recipe.batchnorm_images < (recipe.micro_batch or recipe.batch):
        least = recipe.micro_batch or recipe.batch
        yield f"batchnorm_images must be 0 or hold a (micro-)batch ({least}), got {recipe.batchnorm_images}"
    if recipe.test_crop < 1 and not recipe.per_image:
        yield f"test_crop goes with {' or '.join(PER_IMAGE)} only"
    if not 0 < recipe.test_crop <= 1:
        yield f"test_crop must lie above 0 and at most at 1, got {recipe.test_crop}"
