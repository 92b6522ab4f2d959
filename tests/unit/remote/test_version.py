"""Two builds of one version are told apart, and one build is the same wherever it lies."""

import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest

from sweep.remote.version import build, digest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def copied(tmp_path):
    """The packages elsewhere, without what an installation leaves out or adds."""
    for name in ("analysis", "search_spaces", "sweep"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "sweep" / "__pycache__").mkdir()
    (tmp_path / "sweep" / "__pycache__" / "errors.cpython-311.pyc").touch()
    (tmp_path / "other_package").mkdir()
    (tmp_path / "other_package" / "module.py").touch()
    return tmp_path


def test_it_is_the_version_and_a_digest_of_the_sources():
    assert re.fullmatch(re.escape(version("robustness-sweep")) + r"\+[0-9a-f]{8}", build())


def test_the_same_sources_elsewhere_are_the_same_build(copied):
    assert digest(copied) == digest(ROOT)
    path = copied / "sweep" / "errors.py"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert digest(copied) == digest(ROOT)


@pytest.mark.parametrize(
    "change",
    [
        lambda root: (root / "sweep/errors.py").open("a").write("\n"),
        lambda root: (root / "sweep/new.py").touch(),
        lambda root: (root / "search_spaces/optima.csv").open("a").write("\n"),
        lambda root: (root / "analysis/edf.py").rename(root / "analysis/edf2.py"),
    ],
)
def test_a_change_is_another_build(change, copied):
    change(copied)
    assert digest(copied) != digest(ROOT)
