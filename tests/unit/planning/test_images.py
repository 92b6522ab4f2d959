from dataclasses import replace

import pytest

from sweep.errors import InputError
from sweep.planning.images import training_px
from sweep.recipes.loading import load


@pytest.mark.parametrize(("batch", "micro"), [(9, 8), (8, 1), (1, None)])
def test_a_micro_batch_of_one_image_is_refused_for_a_model_with_batchnorm(batch, micro):
    recipe = replace(load("digits"), batch=batch, micro_batch=micro, max_px=32)
    with pytest.raises(InputError, match=f"single image.*minibatches of {batch}.*Choose another batch"):
        training_px("resnet18", recipe, 10)


@pytest.mark.parametrize(("batch", "micro"), [(9, None), (16, 8), (10, 8)])
def test_other_micro_batches_are_not(batch, micro):
    recipe = replace(load("digits"), batch=batch, micro_batch=micro, max_px=32)
    assert training_px("resnet18", recipe, 10) == 32


def test_a_model_without_batchnorm_trains_on_single_images():
    assert training_px("vit_p_1mf", replace(load("digits"), batch=1), 10) == 16
