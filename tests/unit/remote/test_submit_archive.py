"""What travels to the cluster, and what does not."""

import io
import zipfile

import pytest

from sweep.errors import InputError
from sweep.remote import submit_archive
from sweep.remote.submit_archive import make_package


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (
        "own.py",
        "parts/helper.py",
        "parts/data.csv",
        ".hidden/x.py",
        "venv/pyvenv.cfg",
        "venv/y.py",
        "sweep/z.py",
        "lib/site-packages/w.py",
        "my.toml",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"# {name}")
    return tmp_path


@pytest.mark.parametrize(
    ("trainer", "recipe", "files"),
    [
        ("own:train", None, ("own.py", "parts/helper.py")),
        ("parts.helper:train", None, ("own.py", "parts/helper.py")),
        (None, "my.toml", ("my.toml",)),
        ("own:train", "my.toml", ("my.toml", "own.py", "parts/helper.py")),
    ],
)
def test_modules_of_this_folder_and_the_recipe_travel(here, trainer, recipe, files):
    made = make_package(trainer, recipe)
    assert made.files == files
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        assert {name: archive.read(name).decode() for name in archive.namelist()} == {
            name: f"# {name}" for name in files
        }


@pytest.mark.parametrize(
    ("trainer", "recipe"), [(None, None), (None, "digits"), ("installed.module:f", None)]
)
def test_nothing_travels_of_what_the_cluster_has_itself(here, trainer, recipe):
    assert make_package(trainer, recipe) is None


def test_a_recipe_of_another_folder_lies_beside_the_rest(here):
    (here / "recipes").mkdir()
    (here / "recipes" / "other.toml").write_text("x")
    assert make_package(None, "recipes/other.toml").files == ("other.toml",)


def test_the_same_files_make_the_same_package_and_others_another(here):
    name = make_package("own:train", None).name
    (here / "own.py").touch()
    assert make_package("own:train", None).name == name
    (here / "own.py").write_text("# changed")
    assert make_package("own:train", None).name != name


def test_too_much_is_refused(here, monkeypatch):
    monkeypatch.setattr(submit_archive, "_LARGEST", 20)
    with pytest.raises(InputError, match="submit from the folder of the training function"):
        make_package("own:train", None)


def test_a_recipe_that_is_not_there(here):
    with pytest.raises(InputError, match=r"none\.toml cannot be read: No such file"):
        make_package(None, "none.toml")
