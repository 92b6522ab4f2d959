"""Sweeps are packed on the cluster and unpacked here, and nothing else is touched."""

import base64
import hashlib
import io
import tarfile

import pytest

from sweep.errors import InputError
from sweep.remote.fetch_archive import packed, unpack
from sweep.workspace.workspace import Workspace


@pytest.fixture
def cluster(results):
    """The folder of two sweeps, with what does not travel beside what does."""
    folder = results
    Workspace(folder).identity()
    name = Workspace(folder).names()[0]
    for path in (
        f"{name}/checkpoints/k.pt",
        f"{name}/.lock",
        f"{name}/figures/edf.png",
        "mlflow.db",
        "optima.csv",
    ):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(path)
    return folder


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_all_but_checkpoints_locks_and_databases_is_brought(cluster, tmp_path):
    names = unpack("noise\n" + packed(cluster, "") + "noise", tmp_path / "out")
    assert names == Workspace(cluster).names()
    left_out = {name for name in files(cluster) if name.endswith((".pt", ".lock", ".db"))}
    assert left_out
    assert files(tmp_path / "out") == {k: v for k, v in files(cluster).items() if k not in left_out}


def test_only_some(cluster, tmp_path):
    assert unpack(packed(cluster, "vit_c"), tmp_path / "out") == Workspace(cluster).names()[:1]
    assert unpack(packed(cluster, "none"), tmp_path / "out") == []


def test_what_was_fetched_is_updated(cluster, tmp_path):
    unpack(packed(cluster, ""), tmp_path / "out")
    [journal, _] = sorted(cluster.glob("*/journal.jsonl"))
    journal.write_text(journal.read_text() + '{"event": "more"}\n')
    unpack(packed(cluster, ""), tmp_path / "out")
    assert (tmp_path / "out" / journal.relative_to(cluster)).read_text() == journal.read_text()


@pytest.mark.parametrize("identity", ["others\n", None])
def test_a_folder_with_sweeps_of_its_own_is_left_alone(cluster, tmp_path, identity):
    own = tmp_path / "own" / "mine"
    own.mkdir(parents=True)
    (own / "journal.jsonl").write_text("mine")
    if identity:
        (tmp_path / "own" / ".workspace").write_text(identity)
    before = files(tmp_path / "own")
    with pytest.raises(InputError, match="holds sweeps of its own, or of another cluster"):
        unpack(packed(cluster, ""), tmp_path / "own")
    assert files(tmp_path / "own") == before


@pytest.mark.parametrize(
    "damage", [lambda text: text[:-40], lambda text: text.replace("A", "B", 1), lambda _: ""]
)
def test_an_incomplete_answer_is_refused(cluster, tmp_path, damage):
    with pytest.raises(InputError, match="what the cluster sent is incomplete"):
        unpack(damage(packed(cluster, "")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_outside_the_folder_is_refused(tmp_path):
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:xz") as archive:
        archive.addfile(tarfile.TarInfo("../evil"))
    stamp, text = (
        hashlib.sha256(target.getvalue()).hexdigest(),
        base64.encodebytes(target.getvalue()).decode(),
    )
    with pytest.raises(InputError, match="would lie outside"):
        unpack(f"sweep-pack {stamp}\n{text}sweep-pack end\n", tmp_path / "out")
    assert not (tmp_path / "evil").exists()
