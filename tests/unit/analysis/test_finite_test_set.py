"""Against closed forms and a simulation; benchmarks/coverage_test_set.py has more."""

import numpy as np
import pytest
from scipy import stats
from support.analysed import by_metric, repeated, trials

from analysis import Metric, read_sweeps
from analysis.finite_test_set import FromImages, at_most, from_images, images_of, of_images

SEEDS = np.array([10.0, 14.0, 12.0, 9.0, 15.0])


def sweep(errors, **changes):
    table = repeated(trials([11.2, 13.4, 17.9], optimum=errors[0]), errors[1:])
    return read_sweeps(table.assign(**changes))[0]


def test_the_limit_is_the_variance_of_a_count_over_the_least_likely_variance():
    mean, variance = 0.12, SEEDS.var(ddof=1) / 1e4
    least = variance * 4 / stats.chi2.ppf(0.95, 4)
    assert at_most(SEEDS, 1000) == pytest.approx(mean * (1 - mean) / 1000 / least)
    assert at_most(SEEDS, 4000) == pytest.approx(at_most(SEEDS, 1000) / 4)


def test_seeds_that_agree_may_be_all_luck_with_the_images():
    assert at_most([5.0, 5.0, 5.0], 500) == at_most([0.0, 0.0, 0.0], 500) == 1.0
    assert at_most([5.0, 5.2, 4.8], 500) == 1.0


def test_trainings_that_differ_by_the_images_alone_are_seldom_said_to_differ_by_more():
    rng = np.random.default_rng(0)
    drawn = 100 * rng.binomial(500, 0.2, (1000, 5)) / 500
    assert np.mean([at_most(errors, 500) < 1 for errors in drawn]) == pytest.approx(0.05, abs=0.02)


def test_trainings_that_differ_much_more_are_said_to():
    rng = np.random.default_rng(0)
    assert np.median([at_most(rng.normal(20, 2, 5), 10_000) for _ in range(200)]) < 0.15


@pytest.mark.parametrize("images", [7, 500, 1797, 10_000, 50_000])
def test_the_number_of_images_is_that_of_which_all_errors_are_counts(images):
    errors = 100 * np.random.default_rng(0).integers(0, images, 80) / images
    assert images_of(errors) == images
    assert images_of((errors / 100).astype(np.float32).astype(float) * 100) == images


def test_errors_that_do_not_tell_it_are_taken_for_fewer_images_or_none():
    assert images_of([10.0, 20.0, 50.0]) == 10
    assert images_of(100 * np.random.default_rng(0).random(80)) is None


def test_a_sweep_tells_its_images_from_all_its_trials():
    found = from_images(sweep(SEEDS))
    assert found.images == 1000
    assert found.at_most == pytest.approx(at_most(SEEDS, 1000))


@pytest.mark.parametrize("errors", [SEEDS[:2], [*SEEDS[:3], 100.0]], ids=["two seeds", "one diverged"])
def test_without_seeds_enough_nothing_is_said(errors):
    assert from_images(sweep(errors)) is None


def test_of_another_metric_nothing_is_said():
    table = by_metric(repeated(trials([11.2, 13.4]), SEEDS), Metric(name="loss"))
    assert from_images(read_sweeps(table, any_metric=True)[0]) is None


def test_one_sentence_names_the_sweeps_whose_seeds_truly_differ():
    some, none = (FromImages(sweep(SEEDS), 500, share) for share in (0.281, 1.0))
    assert of_images([some, none]).endswith(
        "having only 500 test images may explain, at most: 29 % of vit_c_1mf, all of the others."
    )
    assert of_images([none]).endswith("at most: all of it.")
    assert of_images([some]).endswith("at most: 29 % of vit_c_1mf.")
    assert of_images([]) is None
