"""What docs/results says of its trials, recomputed from them by pandas alone."""

import re
from pathlib import Path

import pandas as pd
import pytest

from analysis import advice, compare, read_knobs, read_sweeps
from analysis.knobs import among_good, headline, sentences

RESULTS = Path(__file__).parents[3] / "docs" / "results"
MODELS = {"ViT_P": "vit_p_1mf", "ViT_C": "vit_c_1mf", "RegNetY": "regnety_1mf"}
SCHEDULES = {"digits": 25, "fashion_mnist": 4}
"""How long the points around an optimum were trained, by recipe."""
OPTIMIZERS = {"digits": ("AdamW", "SGD"), "fashion_mnist": ("AdamW", "SGD")}
LENGTHS = 12, 25, 50, 100
EDF_ROW = re.compile(
    r"^\| (AdamW|SGD), (\w+) \| ([\d.]+) ± ([\d.]+) % \| ([\d.]+) .*?\| ([\d.]+) .*?\| ([\d.]+) ",
    re.MULTILINE,
)
LENGTH_ROW = re.compile(r"^\| (\w+), (AdamW|SGD) \|((?: [\d.]+ ± [\d.]+ \|){4})", re.MULTILINE)


def rows(recipe, row):
    return row.findall((RESULTS / recipe / "README.md").read_text())


def trials_of(recipe, model, optimizer):
    sweeps = pd.read_csv(RESULTS / recipe / "sweeps.csv")[["sweep", "schedule"]]
    trials = pd.read_csv(RESULTS / recipe / "trials.csv").merge(sweeps, on="sweep", validate="many_to_one")
    trials = trials[(trials.optimizer == optimizer.lower()) & (trials.model == MODELS[model])]
    assert (trials.state == "finished").all()
    return trials


EDF_ROWS = [(recipe, *row) for recipe in SCHEDULES for row in rows(recipe, EDF_ROW)]


@pytest.mark.parametrize("recipe", SCHEDULES)
def test_every_model_has_a_row_with_each_optimizer(recipe):
    told = {row[1:3] for row in EDF_ROWS if row[0] == recipe}
    assert told == {(optimizer, model) for optimizer in OPTIMIZERS[recipe] for model in MODELS}


@pytest.mark.parametrize("row", EDF_ROWS, ids=lambda row: " ".join(row[:3]))
def test_its_numbers_are_those_of_the_trials(row):
    recipe, optimizer, model, *told = row
    trials = trials_of(recipe, model, optimizer)
    trials = trials[trials.schedule == SCHEDULES[recipe]]
    optimum, points = (trials.top1_err[trials.role == role] for role in ("optimum", "point"))
    assert (len(optimum), len(points)) == (5, 64)
    delta = points - optimum.mean()
    area = (1 - delta.clip(0, 8) / 8).mean()
    found = [(delta <= x + 1e-9).mean() for x in (1, 4)]
    assert [float(number) for number in told] == pytest.approx(
        [optimum.mean(), optimum.std(), *found, area], abs=0.051
    )
    assert [float(number) for number in told[2:]] == pytest.approx([*found, area], abs=0.0051)


def test_what_is_said_of_the_trainings_with_avx_512_is_so():
    told = (RESULTS / "fashion_mnist" / "README.md").read_text()
    ours, theirs = (pd.read_csv(RESULTS / "fashion_mnist" / name) for name in ("trials.csv", "avx512.csv"))
    both = ours.merge(theirs, on="key", suffixes=("", "_512"), validate="one_to_one")
    apart = both.top1_err_512 - both.top1_err
    assert f"of all {len(both)} trials" in told
    assert f"{(apart != 0).sum()} ended" in re.sub(r"\s+", " ", told)
    assert f"The standard deviation of these differences is {apart.std():.1f} points" in re.sub(
        r"\s+", " ", told
    )
    areas = []
    for optimizer in ("adamw", "sgd"):
        for model in MODELS.values():
            rows = theirs[(theirs.optimizer == optimizer) & (theirs.model == model)]
            zero = rows.top1_err[rows.role == "optimum"].mean()
            delta = rows.top1_err[rows.role == "point"] - zero
            areas.append(f"{(1 - delta.clip(0, 8) / 8).mean():.2f}")
    assert "{}, {} and {} (AdamW".format(*areas[:3]) in told
    assert "{}, {} and {} (SGD)".format(*areas[3:]) in re.sub(r"\s+", " ", told)


def test_every_model_has_its_error_at_every_length():
    assert {row[:2] for row in rows("digits", LENGTH_ROW)} == {
        (m, o) for o in ("AdamW", "SGD") for m in MODELS
    }


@pytest.mark.parametrize("row", rows("digits", LENGTH_ROW), ids=lambda row: " ".join(row[:2]))
def test_the_errors_at_each_length_are_those_of_the_trials(row):
    model, optimizer, cells = row
    trials = trials_of("digits", model, optimizer)
    trials = trials[(trials.role == "optimum") & (trials.repeat < 3)]
    errors = [trials.top1_err[trials.schedule == epochs] for epochs in LENGTHS]
    assert [len(error) for error in errors] == [3] * 4
    told = [tuple(map(float, cell.split(" ± "))) for cell in cells.strip(" |").split(" | ")]
    assert told == [pytest.approx((error.mean(), error.std()), abs=0.051) for error in errors]


@pytest.mark.parametrize("recipe", SCHEDULES)
def test_the_published_tables_can_be_drawn(recipe, sweep):
    table = RESULTS / recipe / "trials.csv"
    for optimizer in ("adamw", "sgd"):
        assert sweep("compare", "--from", str(table), "--optimizer", optimizer)[0] == 0


@pytest.mark.parametrize("recipe", SCHEDULES)
@pytest.mark.parametrize("optimizer", ["AdamW", "SGD"])
def test_what_to_take_is_what_is_compared_today(recipe, optimizer):
    trials = pd.read_csv(RESULTS / recipe / "trials.csv")
    trials = trials[trials.optimizer == optimizer.lower()]
    swept = trials.loc[trials.role == "point", "sweep"]
    trials = trials[trials.sweep.isin(swept)].assign(family=trials.model, panel="1MF")
    said = " ".join(advice(compare(read_sweeps(trials))))
    assert f"- **{optimizer}.** {said}\n" in (RESULTS / recipe / "README.md").read_text()


SEARCH = RESULTS / "imagenet_random_search"


@pytest.fixture(scope="module")
def search():
    trials = pd.read_csv(SEARCH / "trials.csv").assign(panel="ImageNet")
    return trials.assign(family=trials.model)


@pytest.fixture(scope="module")
def said():
    """What is said of the random search, each paragraph in one line."""
    return re.sub(r"\n(> )?(?=\S)", " ", (SEARCH / "README.md").read_text())


def test_the_random_search_is_counted_as_it_says(search, said):
    failed = {}
    for name, rows in search.groupby("model"):
        finished, diverged = (rows[rows.state == state] for state in ("finished", "diverged"))
        assert (len(rows), len(finished) + len(diverged)) == (512, 512)
        chance = finished.top1_err > 99
        failed[name] = (len(finished), chance.sum(), f"{(len(diverged) + chance.sum()) / 512:.0%}")
        assert f"{rows.top1_err.min():.2f} %" in said
    assert failed == {"alexnet": (365, 176, "63%"), "convnext_t": (288, 1, "44%")}
    assert "of its 365 trainings that finished, 176 ended at chance" in said
    assert "Of ConvNeXt-T's 288 one did. With these, 63 % of AlexNet's trainings" in said
    assert "and 44 % of ConvNeXt-T's" in said


def test_what_is_said_of_the_random_search_is_what_is_computed_today(search, said):
    sweeps = read_sweeps(search)
    assert advice(compare(sweeps))[0] in said
    for each in map(read_knobs, sweeps):
        assert headline(each) in said
        assert sentences(each)[0] in said
        assert all(sentence in said for sentence in sentences(each)[-2:])
        assert among_good(each) in said


def test_the_shares_agree_with_an_analysis_of_variance(search, said):
    for name, rows in search.groupby("model"):
        group = pd.qcut(rows.lr, 16, labels=False)
        within = rows.top1_err.groupby(group).var().mean()
        total = rows.top1_err.var(ddof=0)
        told = re.search(name + r": lr matters most: by itself it explains \d+ % \((\d+)–(\d+)\)", said)
        assert float(told[1]) <= 100 * (1 - within / total) <= float(told[2])


def test_the_source_and_the_licence_of_the_random_search_are_named(said):
    assert "CC BY-SA 4.0" in said
    assert "https://github.com/nicholaslourie/opda" in said


def test_what_the_command_prints_of_the_random_search_is_what_is_published(sweep):
    folder = RESULTS / "imagenet_random_search"
    _, out, _ = sweep("knobs", "--from", str(folder / "trials.csv"))
    assert out.strip() in (folder / "knobs.txt").read_text()
