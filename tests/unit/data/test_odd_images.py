"""Folders as people have them: leftovers of other programs, transparency, turned photographs, 16 bits."""

import gzip

import numpy as np
import pytest
from PIL import Image

from sweep.data.datasets import open_dataset
from sweep.data.decode import ImageFile, read_rgb
from sweep.errors import InputError
from sweep.recipes.loading import load


@pytest.fixture
def recipe(make_recipe):
    return make_recipe(dataset="folder", batch=1)


def test_what_programs_leave_behind_is_neither_class_nor_image(make_folder, recipe):
    plain = make_folder({"train/cat": 20, "train/dog": 20}, name="plain")
    messy = make_folder({"train/cat": 20, "train/dog": 20}, name="messy")
    for path in sorted(plain.rglob("*.png")):
        (messy / path.relative_to(plain)).write_bytes(path.read_bytes())
    image = (messy / "train/cat/000.png").read_bytes()
    for name in (".ipynb_checkpoints/000-checkpoint.png", "cat/.ipynb_checkpoints/a.png", "cat/._000.png"):
        (messy / "train" / name).parent.mkdir(exist_ok=True)
        (messy / "train" / name).write_bytes(image)
    for name in ("@eaDir", "__MACOSX", "lost+found"):
        (messy / "train" / name).mkdir()
    source = open_dataset(recipe, messy)
    assert source.classes == 2
    assert source.fingerprint == open_dataset(recipe, plain).fingerprint
    assert source.notes == (
        "hidden and system entries are skipped: ._000.png, .ipynb_checkpoints, @eaDir and 2 more",
    )


@pytest.mark.parametrize("name", ["valid", "validation", "test"])
def test_a_folder_of_another_name_is_evaluated_and_named(name, make_folder, recipe):
    folder = make_folder({"train/a": 20, "train/b": 20, f"{name}/a": 3, f"{name}/b": 4})
    source = open_dataset(recipe, folder)
    assert source.load(8).val.labels.tolist() == [0] * 3 + [1] * 4
    assert source.notes == (f"evaluated on {folder}/{name}/",)


def test_of_several_val_is_evaluated_and_the_others_are_named(make_folder, recipe):
    counts = {f"{part}/{name}": 5 for part in ("train", "test", "val") for name in "ab"}
    folder = make_folder(counts | {"val/a": 6})
    source = open_dataset(recipe, folder)
    assert len(source.load(8).val.labels) == 11
    assert source.notes == (f"{folder}/test/ is ignored: val/ is evaluated",)


def transparent(path, alpha):
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[2:6, 2:6, 3] = alpha  # a black square
    pixels[..., 3] = np.maximum(pixels[..., 3], 255 * (alpha == 0))
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(("background", "level"), [("white", 255), ("#808080", 128)])
def test_transparent_images_are_put_on_a_background(background, level, tmp_path):
    transparent(tmp_path / "a.png", 255)
    for pixels in (
        np.asarray(read_rgb(tmp_path / "a.png", background=background)),
        ImageFile(tmp_path / "a.png", background).pixels(),
    ):
        assert (pixels[0, 0] == level).all()
        assert (pixels[3, 3] == 0).all()


def test_a_palette_with_a_transparent_colour_is_transparent_too(tmp_path):
    image = Image.fromarray(np.zeros((4, 4), np.uint8)).convert("P")
    image.save(tmp_path / "a.png", transparency=0)
    assert np.asarray(read_rgb(tmp_path / "a.png")).min() == 255


def test_transparency_is_in_the_fingerprint_only_where_there_is_any(make_folder, recipe, make_recipe):
    folder = make_folder({"train/a": 10, "train/b": 10})
    before = open_dataset(recipe, folder).fingerprint
    opaque = folder / "train/a/000.png"
    Image.open(opaque).convert("RGBA").save(opaque)
    with_alpha = open_dataset(recipe, folder)
    assert with_alpha.notes == ()
    assert with_alpha.fingerprint != before  # other bytes
    transparent(opaque, 255)
    source = open_dataset(make_recipe(dataset="folder", batch=1, background="black"), folder)
    assert source.notes == ("1 transparent images are put on black (`background` of the recipe)",)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
def test_photographs_are_turned_as_a_viewer_turns_them(suffix, tmp_path):
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:8] = 255  # bright above; turned against the clock, bright on the left
    exif = Image.Exif()
    exif[0x0112] = 8
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, exif=exif)
    for shown in (np.asarray(read_rgb(path)), ImageFile(path).pixels()):
        assert shown[:, :7].mean() > 250
        assert shown[:, 9:].mean() < 5


@pytest.mark.parametrize("suffix", ["pgm", "png", "tiff"])
def test_sixteen_bits_are_scaled_to_eight(suffix, tmp_path):
    levels = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
    Image.fromarray(levels).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(np.asarray(read_rgb(tmp_path / f"a.{suffix}"))[..., 0], levels >> 8)


@pytest.mark.parametrize(
    ("contents", "what"),
    [
        (gzip.compress(b"x" * 100, mtime=0), "it is a gzip file"),
        (b"<!DOCTYPE html><p>404", "it is a page of HTML or XML"),
        (b"version https://git-lfs.github.com/spec/v1", "it is a pointer of Git LFS"),
        (b"garbage", "cannot identify image file"),
    ],
)
def test_a_file_that_is_no_image_is_called_what_it_is(contents, what, tmp_path):
    (tmp_path / "a.jpg").write_bytes(contents)
    with pytest.raises(InputError, match=what):
        read_rgb(tmp_path / "a.jpg")


def test_a_background_is_a_colour(tmp_path):
    words = 'dataset = "folder"\nmax_px = 8\nepochs = 1\nbatch = 8\nwarmup_epochs = 0\n'
    (tmp_path / "r.toml").write_text(words + 'background = "plaid"\n')
    with pytest.raises(InputError, match=r"background must be white, black, grey or #rrggbb, got 'plaid'"):
        load(str(tmp_path / "r.toml"))
