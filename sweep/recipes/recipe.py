"""Recipes: everything about a training but the model, the optimizer, the point and the seed."""

import math
from dataclasses import dataclass
from typing import Any

from sweep.errors import InputError

DATASETS = ("digits", "idx", "folder")
AUGMENTATIONS = ("shift", "flip", "random_resized_crop", "auto_augment")
PER_IMAGE = ("random_resized_crop", "auto_augment")
"""Augmentations that take an image of any size, one by one."""
READING = "JPEGs reduced to their crop, resized by torch"
"""How images are read one by one, where that decides their pixels. It is part of the keys of such trials."""
MAX_SEED = 2**32
_MOST_ALPHA = 100.0
_HUGE = 2**53
"""Whole numbers and floats agree up to here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """Data, resolution, epochs, batch, augmentation, schedule and EMA."""

    name: str
    dataset: str
    """Which loader reads the data: ``digits``, ``idx`` (MNIST's files) or ``folder`` (class folders)."""
    max_px: int
    """A model trains at its own resolution, but at no more than this."""
    epochs: int
    batch: int
    """Images in a minibatch. The last, smaller one of an epoch is left out."""
    warmup_epochs: float
    warmup_factor: float = 0.1
    """The learning rate starts at this share of its scheduled value."""
    min_lr_factor: float = 0.005
    """The cosine ends at this share of the peak."""
    label_smoothing: float = 0.0
    augment: tuple[str, ...] = ()
    """``shift``: by up to an eighth of the side, the border filled with zeros; ``flip``: horizontally;
    ``random_resized_crop``: 8 to 100 % of the area; ``auto_augment``: by the ImageNet policy
    (arXiv:1805.09501)."""
    mixup_alpha: float = 0.0
    """Mix pairs of images by a share drawn from Beta(α, α) (arXiv:1710.09412); 0: not at all."""
    cutmix_alpha: float = 0.0
    """Paste a part of one image into another (arXiv:1905.04899). With mixup, a batch has one of both."""
    micro_batch: int | None = None
    """Images that are taken at once, to sum up a minibatch's gradient; all of it if not given.
    BatchNorm's statistics are those of so many images."""
    mixed_precision: bool = False
    """On a GPU compute in bfloat16, or in float16 with scaled gradients where it has none. Off on a CPU."""
    compile: bool = False
    """Compile the model as it is trained (``torch.compile``), once in a worker for all trials of a model; not
    as it is evaluated. The first trial of each worker takes up to some minutes longer. Last bits are others,
    those of the machine's compiler, and so is what dropout draws."""
    batchnorm_images: int = 0
    """Before an evaluation, BatchNorm's statistics are computed anew on so many images of the epoch (the
    study: 8,192), in micro-batches, unmixed. 0: they are running averages, averaged like the weights."""
    test_crop: float = 1.0
    """Share of the shorter side that is cut out of an evaluated image; if less than 1, the study's RegNetYs
    have their own. Only where images are read one by one (see ``augment``)."""
    ema_steps: int = 0
    """Steps between two updates of the averaged weights; 0: no averaging."""
    ema_rate: float = 1e-5
    """An update moves the average by ``ema_rate · batch · ema_steps / epochs`` of the way."""
    train_subset: int | None = None
    """Train on this many images, drawn evenly from the classes; all of them if not given."""
    data_seed: int = 0
    """Decides splits, order and augmentation, the same for every trial."""
    trainer: str | None = None
    """A user's own training function (`sweep.user_trainer.running`), which has its own data and
    schedule: of the other fields, only ``epochs`` means anything then."""

    def __post_init__(self) -> None:
        problems = list(_problems(self))
        if problems:
            raise InputError(f"recipe {self.name!r}: " + "; ".join(problems))

    @property
    def per_image(self) -> bool:
        """Whether images are read and augmented one by one, rather than kept in memory at one size."""
        return bool(set(self.augment) & set(PER_IMAGE))

    @property
    def mixes(self) -> bool:
        """Whether images are mixed with others of their minibatch."""
        return bool(self.mixup_alpha or self.cutmix_alpha)

    @property
    def micro_batches(self) -> int:
        """How many micro-batches a minibatch is taken in."""
        return math.ceil(self.batch / (self.micro_batch or self.batch))

    def check_shared(self, processes: int) -> None:
        """See whether several processes, one a GPU, can train a trial together: each takes micro-batches.

        Raises
        ------
        InputError
            If a minibatch's micro-batches do not divide among them.
        """
        parts, size = self.micro_batches, self.micro_batch or self.batch
        if self.trainer or parts % processes == 0:
            return
        fits = [n for n in range(1, parts + 1) if parts % n == 0]
        sizes = [math.ceil(self.batch / n) for n in range(processes, self.batch + 1, processes)]
        better = [size for size in sizes if math.ceil(self.batch / size) % processes == 0]
        remedy = f"; a recipe of your own with micro_batch = {better[0]} would" if better else ""
        raise InputError(
            f"--gpus-per-trial {processes}: recipe {self.name!r} takes a minibatch of {self.batch} images in "
            f"micro-batches of {size} (so many BatchNorm sees at once). That goes with "
            f"{', '.join(map(str, fits))} GPU{'s' * (parts > 1)}, not with {processes}{remedy}."
        )

    def px(self, own_px: int) -> int:
        """Return the resolution at which a model of the given own resolution works."""
        return min(own_px, self.max_px)


def _problems(recipe: Recipe) -> Any:
    """Yield what is wrong with a recipe, all of it."""
    if recipe.dataset not in DATASETS and recipe.trainer is None:
        yield f"dataset must be one of {', '.join(DATASETS)}, got {recipe.dataset!r}"
    for name in ("max_px", "epochs", "batch"):
        value = getattr(recipe, name)
        if not 1 <= value < _HUGE:
            rule = "at least 1" if value < 1 else "less than 2^53"
            yield f"{name} must be {rule}, got {str(value)[:40]}"
    if not 0 <= recipe.warmup_epochs <= recipe.epochs:
        yield f"warmup_epochs must lie in 0 … {recipe.epochs} (epochs), got {recipe.warmup_epochs}"
    for name in ("warmup_factor", "min_lr_factor", "label_smoothing", "ema_rate"):
        if not 0 <= getattr(recipe, name) < 1:
            yield f"{name} must lie in 0 … 1, got {getattr(recipe, name)}"
    for name in sorted(set(recipe.augment) - set(AUGMENTATIONS)):
        yield f"augment takes {', '.join(AUGMENTATIONS)}, got {name!r}"
    yield from _mixing_problems(recipe)
    if recipe.ema_steps < 0:
        yield f"ema_steps must not be negative, got {recipe.ema_steps}"
    if not 0 <= recipe.data_seed < MAX_SEED:
        yield f"data_seed must lie in 0 … {MAX_SEED - 1}, got {recipe.data_seed}"
    if recipe.train_subset is not None and recipe.train_subset < recipe.batch:
        yield f"train_subset must hold a batch ({recipe.batch} images), got {recipe.train_subset}"


def _mixing_problems(recipe: Recipe) -> Any:
    """Yield what is wrong with how images are changed, mixed and counted."""
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
