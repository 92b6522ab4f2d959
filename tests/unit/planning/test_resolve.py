import builtins
import io
import os
from pathlib import Path

import pytest

from sweep.errors import InputError
from sweep.planning.command_options import Request, Study, TuneRequest
from sweep.planning.plans import make_plans
from sweep.planning.resolve import resolve
from sweep.planning.search_plans import plan_search, resolve_search
from sweep.planning.studies import plan_study

RECIPE = 'dataset = "digits"\nmax_px = 16\nepochs = 2\nbatch = 64\nwarmup_epochs = 0\n'


@pytest.fixture
def opened(monkeypatch):
    """Count how often each file is opened, by its name."""
    counts: dict[str, int] = {}
    real = io.open

    def counting(file, *args, **kwargs):
        if not isinstance(file, int):
            name = Path(os.fspath(file)).name
            counts[name] = counts.get(name, 0) + 1
        return real(file, *args, **kwargs)

    monkeypatch.setattr(io, "open", counting)
    monkeypatch.setattr(builtins, "open", counting)
    return counts


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Make a recipe and a table of optima in the current folder."""
    from support.optima import ROW

    from search_spaces import to_csv

    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(RECIPE)
    Path("here.csv").write_text(to_csv([ROW]))
    return tmp_path


def test_a_plan_of_several_models_reads_its_recipe_and_the_optima_once(files, opened):
    models = ["vit_p_1mf", "vit_c_1mf"]
    asked = {"recipe": "mine.toml", "epochs": 3, "found": Path("here.csv")}
    planned = make_plans(Request(models=models, n=2, lr=0.01, wd=0.1, **asked))
    assert [p.plan.recipe.epochs for p in planned] == [3, 3]
    assert (opened["mine.toml"], opened["here.csv"]) == (1, 1)


def test_a_study_of_many_lengths_reads_them_once(files, opened):
    study = Study(kind="lengths", sizes=["1mf"], found=Path("here.csv"), recipe="digits")
    assert len({p.plan.recipe.epochs for p in plan_study(study)}) == 4
    assert (opened["digits.toml"], opened["here.csv"]) == (1, 1)


def test_a_search_reads_its_recipe_once(files, opened):
    plan_search(TuneRequest(model="vit_p_1mf", recipe="mine.toml", epochs=3))
    assert opened["mine.toml"] == 1


def test_a_request_is_resolved_to_recipe_models_spaces_and_data():
    (resolved,) = resolve([Request(models=["vit_p_1mf", "vit_p_1mf"], n=2, lr=0.01, wd=0.1, epochs=3)])
    assert (resolved.recipe.name, resolved.recipe.epochs) == ("digits", 3)
    assert resolved.models == ("vit_p_1mf",)
    ((optimum, box),) = resolved.spaces
    assert (optimum.lr, box.lr_low) == (0.01, 0.01 / 8)
    assert resolved.data.classes == 10


def test_all_problems_of_a_request_are_named_at_once_the_datas_place_too(tmp_path):
    asked = Request(
        models=["vit_p_1mff"],
        recipe="fashion_mnist",
        data=tmp_path / "nowhere",
        optimizer="adam",
        seeds=0,
        repeat=[99],
        lr=0.1,
    )
    with pytest.raises(InputError) as error:
        resolve([asked])
    lines = str(error.value).splitlines()
    for said in (
        "vit_p_1mff",
        "'adam'",
        "`seeds` takes",
        "`repeat` takes",
        "`lr` and `wd`",
        "no such folder",
    ):
        assert sum(said in line for line in lines) == 1
    assert len(lines) == 6
    assert list(tmp_path.iterdir()) == []


def test_all_problems_of_a_search_are_named_at_once():
    asked = TuneRequest(model="nothing", n_trials=0, finalists=2, seeds=1, seed=-1, lr_range="1", data=Path())
    with pytest.raises(InputError) as error:
        resolve_search(asked)
    lines = str(error.value).splitlines()
    for said in ("`n_trials`", "`finalists`", "`seeds`", "'nothing'", "seed must", "`lr_range`", "`data`"):
        assert sum(said in line for line in lines) == 1, said
    assert len(lines) == 7


def test_a_damaged_table_of_optima_is_named_among_the_other_problems(files):
    Path("here.csv").write_text("nonsense\n")
    with pytest.raises(InputError) as error:
        resolve([Request(models=["vit_p_1mf"], found=Path("here.csv"), seeds=0)])
    assert "is not a table of optima" in str(error.value)
    assert "`seeds`" in str(error.value)
