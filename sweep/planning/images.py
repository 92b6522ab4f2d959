"""The images a plan trains on, and at which resolution."""

from sweep.data.images import FileSplits, ImageDataset, Splits
from sweep.errors import InputError
from sweep.models.catalog import MODELS, stride
from sweep.recipes.recipe import Recipe


def load_splits(source: ImageDataset, recipe: Recipe, px: int) -> Splits | FileSplits:
    """Load a recipe's images, having checked that there is a minibatch of them."""
    splits = source.load(px)
    if len(splits.train.labels) < recipe.batch:
        raise InputError(
            f"the recipe {recipe.name!r} takes minibatches of {recipe.batch} images, "
            f"but there are only {len(splits.train.labels)} to train on"
        )
    return splits


def training_px(model: str, recipe: Recipe, classes: int) -> int:
    """Return the resolution at which a model trains, having checked that it can, in the recipe's batches.

    One of ours without arguments is known to work, and is not built: torch and timm take seconds to import.
    """
    px = _checked_px(model, recipe, classes)
    if recipe.smallest_micro_batch == 1:
        _check_single_images(model, recipe, classes, px)
    return px


def _checked_px(model: str, recipe: Recipe, classes: int) -> int:
    if model not in MODELS:
        from sweep.models import timm_models

        px = recipe.px(timm_models.resolution(model)[0])
        timm_models.check(model, num_classes=classes, px=px)
        return px
    px = recipe.px(MODELS[model].train_px)
    if px % stride(MODELS[model]):
        raise InputError(
            f"{model} needs images of a multiple of {stride(MODELS[model])} px; "
            f"the recipe {recipe.name!r} gives {px}"
        )
    return px


def _check_single_images(model: str, recipe: Recipe, classes: int, px: int) -> None:
    """Refuse a recipe with a micro-batch of one image for a model that cannot train on it."""
    from sweep.models import timm_models

    try:
        timm_models.check_single_images(model, num_classes=classes, px=px)
    except InputError as error:
        micro = f" in micro-batches of {recipe.micro_batch}" if recipe.micro_batch else ""
        raise InputError(
            f"{error}: recipe {recipe.name!r} has minibatches of {recipe.batch}{micro}, of which the last "
            "holds one image. Choose another batch or micro_batch"
        ) from error
