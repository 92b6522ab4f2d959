"""Where checkpoints lie: folders, a real S3 store (SeaweedFS), whether a cluster's machines all see it."""

import itertools
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from chaos_servers import free_port, kill_tree, lacks
from PIL import Image
from support.resuming import epochs, finish, start, wait_for
from support.runs import environment, sweep, table
from support.s3 import KEYS, make_bucket, s3_store

from sweep.checkpoints import s3 as s3_module
from sweep.checkpoints.base import StorageAwayError
from sweep.checkpoints.folder import FolderLocation
from sweep.checkpoints.locations import check, location
from sweep.checkpoints.probe import probe
from sweep.checkpoints.s3 import S3Location
from sweep.errors import InputError
from sweep.training.checkpoint import Checkpoint

# ---- what `--storage` takes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "nowhere",
            r"nowhere: not a folder. It takes one that all machines of the cluster see, or s3://BUCKET",
        ),
        ("gs://bucket/x", "gs://bucket/x: not an S3 store. It takes a folder, or s3://BUCKET/FOLDER"),
        ("file:///tmp", "file:///tmp: not an S3 store"),
        ("s3://", "s3://: not an S3 store"),
        ("s3:///x", "s3:///x: not an S3 store"),
        ("", ": not a folder"),
        ("s3://[bucket]/x", r"s3://\[bucket\]/x: not an S3 store"),
        (
            "s3://b/x?region=eu&secret_key=hush",
            r"s3://b/x: after a question mark it takes region, endpoint_override, scheme, got 'secret_key'$",
        ),
    ],
)
def test_what_is_no_storage_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"^`storage` {message}"):
        check(text)


@pytest.mark.parametrize(
    "text", ["s3://AKIA:secret@bucket/x", "s3://AKIA@bucket/x", "s3://AKIA:sec/ret@bucket/x"]
)
def test_a_password_is_refused_and_not_repeated(text):
    with pytest.raises(InputError, match=r"takes no password.* Set AWS_ACCESS_KEY_ID") as error:
        check(text)
    assert "sec" not in str(error.value)
    assert "AKIA" not in str(error.value)


def test_a_sweep_has_a_folder_of_its_own_in_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    check("here")
    assert location("here", "s") == FolderLocation(tmp_path / "here" / "s"), "workers are in another folder"
    bucket = location("s3://b/x/?region=eu", "s")
    assert bucket == S3Location("s3://b/x/?region=eu", "s")
    assert str(bucket) == "s3://b/x/s"
    assert bucket.file("k").names == ("s3://b/x/s/k.ckpt",)


# ---- a probe


def test_a_probe_is_there_while_it_is_asked_for(tmp_path):
    with probe(str(tmp_path)) as written:
        assert written.problem() is None
        (file,) = tmp_path.iterdir()
        file.write_bytes(b"another's")
        assert written.problem() == f"`storage` {tmp_path} does not hold what was just written there"
        file.unlink()
        assert written.problem() == f"`storage` {tmp_path} does not hold what was just written there"
    assert list(tmp_path.iterdir()) == []
    with probe(None) as nothing:
        assert nothing is None


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux only")
def test_where_nothing_can_be_written_it_says_so():
    with (
        pytest.raises(InputError, match=r"`storage` /proc: nothing can be written there: .*No such file"),
        probe("/proc"),
    ):
        pass


# ---- a real S3 store


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    """A store with a bucket: the address of a folder in it."""
    with s3_store(tmp_path_factory.mktemp("s3")) as address, pytest.MonkeyPatch.context() as patched:
        for name, value in KEYS.items():
            patched.setenv(name, value)
        make_bucket(address, "sweeps")
        yield f"s3://sweeps/kept/here?endpoint_override={address}&scheme=http"


def objects(address: str) -> list[str]:
    """Every object of the bucket, but for what stands for a folder."""
    from pyarrow.fs import FileSelector, FileSystem, FileType

    store, root = FileSystem.from_uri(address)
    found = store.get_file_info(FileSelector(root, recursive=True, allow_not_found=True))
    return [each.path.removeprefix(root + "/") for each in found if each.type is FileType.File]


def fill(contents: bytes):
    return lambda file: file.write(contents)


@pytest.mark.system
def test_an_object_is_replaced_and_read_again(s3):
    check(s3)
    bucket = location(s3, "one")
    saved = bucket.file("k")
    with pytest.raises(FileNotFoundError), saved.open(saved.names[0]):
        pass
    large = os.urandom(12 * 2**20)  # more than one part of an upload
    for contents in (b"1", large, b"3"):
        saved.replace(fill(contents), keep=True)
        with saved.open(saved.names[0]) as file:
            assert file.read() == contents
    assert objects(s3) == ["one/k.ckpt"]
    bucket.file("other").replace(fill(b"4"), keep=False)
    bucket.discard(["k", "never"])
    assert objects(s3) == ["one/other.ckpt"]
    bucket.discard(["other"])
    bucket.discard(["other"])
    bucket.remove_if_empty()
    assert objects(s3) == []


@pytest.mark.system
def test_a_write_that_fails_leaves_what_was_there(s3):
    saved = location(s3, "two").file("k")
    saved.replace(fill(b"good"), keep=True)

    def fails(file):
        file.write(b"half")
        raise OSError("no space")

    with pytest.raises(OSError, match="no space"):
        saved.replace(fails, keep=True)
    with saved.open(saved.names[0]) as file:
        assert file.read() == b"good"
    location(s3, "two").discard(["k"])


@pytest.mark.system
def test_a_worker_that_ends_while_it_sends_leaves_what_was_there_or_all_of_it(s3):
    """Ray ends a worker by SIGTERM, which its main thread turns into an exception."""
    first, second = (bytes([i]) * 24 * 2**20 for i in (1, 2))
    saved, cut = location(s3, "three").file("k"), 0
    for wait in np.linspace(0.01, 0.25, 8):
        saved.replace(fill(first), keep=True)
        before = signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
        signal.setitimer(signal.ITIMER_REAL, wait)
        try:
            saved.replace(fill(second), keep=True)
        except SystemExit:
            cut += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        with saved.open(saved.names[0]) as file:
            assert file.read() in (first, second)
    assert cut, "it never ended in the middle"
    location(s3, "three").discard(["k"])


@pytest.mark.system
@pytest.mark.parametrize("address", ["s3://b/my folder?region=eu", "s3://b/x?scheme=ftp&endpoint_override=h"])
def test_what_pyarrow_does_not_understand_is_one_message(address):
    with (
        pytest.raises(InputError, match=r"^`storage` s3://b/.*: nothing can be written there: "),
        probe(address),
    ):
        pass


@pytest.mark.system
def test_a_store_that_is_away_is_no_reason_to_begin_anew(monkeypatch):
    monkeypatch.setattr(s3_module, "FETCH_TIMEOUT_S", 0)
    saved = location(f"s3://b/x?endpoint_override=127.0.0.1:{free_port()}&scheme=http", "s").file("k")
    said = []
    kept = Checkpoint(saved, "k", say=said.append)
    with pytest.raises(StorageAwayError, match=r"^s3://b/x/s/k\.ckpt cannot be fetched: "):
        kept.restore(lambda state: state)
    assert not said
    kept.save({})  # the training itself goes on
    assert "no checkpoint could be written to s3://b/x/s: " in said[0]
    location(f"s3://b/x?endpoint_override=127.0.0.1:{free_port()}&scheme=http", "s").discard(["k", "l"])


@pytest.mark.system
def test_a_store_that_does_not_answer_is_refused_before_anything_runs(tmp_path):
    address = f"s3://b/x?endpoint_override=127.0.0.1:{free_port()}&scheme=http"
    driver = start(tmp_path, "--storage", address)
    out, _ = driver.communicate(timeout=300)
    assert driver.returncode == 2, out
    assert f"--storage {address}: nothing can be written there" in " ".join(out.split()).replace(" &", "&")
    assert not list(tmp_path.glob("sweeps/*/plan.json"))


@pytest.mark.system
def test_a_killed_run_goes_on_from_s3_and_ends_as_an_undisturbed_one(s3, undisturbed, tmp_path):
    driver = start(tmp_path, "--storage", s3)
    wait_for(lambda: len(objects(s3)) == 2)  # both trials have one
    driver.kill()
    driver.wait()
    out = finish(start(tmp_path, "--storage", s3))
    assert out.count("resumes from its checkpoint") == 2
    assert objects(s3) == []
    assert table(tmp_path).equals(table(undisturbed))
    assert epochs(tmp_path) == epochs(undisturbed)


# ---- a cluster whose machines do not all see it


CURRENT = Path("/tmp/ray/ray_current_cluster")
"""Where a plain `ray.init()` looks for a cluster."""
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "the-token-of-two-machines"}
PATIENT = {"RAY_raylet_start_wait_time_s": "120"}  # by default 30, which a busy machine needs


@pytest.fixture
def two_machines(tmp_path):
    """A Ray cluster of two nodes; the second one has another folder where ``tmp_path / "away"`` is."""
    if missing := lacks(["root"]):
        pytest.skip(missing)
    for name in ("away", "shared"):
        (tmp_path / name).mkdir()
    ray, port, started = Path(sys.executable).with_name("ray"), free_port(), []
    address = f"127.0.0.1:{port}"
    head = [ray, "start", "--head", f"--port={port}", "--num-cpus=1", "--include-dashboard=false", "--block"]
    head.append(f"--dashboard-port={free_port()}")  # is bound all the same, if Ray has its extra `default`
    other = (
        f"mount -t tmpfs tmpfs {tmp_path}/away && exec {ray} start --address={address} --num-cpus=1 --block"
    )
    try:
        for i, words in enumerate((head, ["unshare", "--mount", "sh", "-c", other])):
            log = tmp_path / f"ray{i}.log"
            with log.open("w") as out:
                started.append(
                    subprocess.Popen(
                        words,
                        stdout=out,
                        stderr=out,
                        start_new_session=True,
                        env=environment(**TOKEN, **PATIENT),
                    )
                )
            wait_for(
                lambda log=log: "Ray runtime started" in log.read_text() or started[-1].poll() is not None
            )
            assert started[-1].poll() is None, log.read_text()
        yield address
    finally:
        for process in reversed(started):
            kill_tree(process.pid)
            process.wait()
        if CURRENT.exists() and CURRENT.read_text().endswith(f":{port}"):
            CURRENT.unlink()


def on(address: str, folder: Path, *words: str) -> tuple[int, str]:
    """Give a command to the cluster; return its exit code and what it says."""
    result = sweep(
        folder, *words, "--address", address, COLUMNS="400", RAY_AUTH_TOKEN=TOKEN["RAY_AUTH_TOKEN"]
    )
    return result.returncode, result.stdout + result.stderr


POINT = {"run": ("--lr", ".005", "--wd", ".05"), "tune": ()}


@pytest.mark.system
def test_a_folder_that_not_all_machines_see_is_refused_before_anything_runs(two_machines, tmp_path):
    away, shared = tmp_path / "away", tmp_path / "shared"
    for command in ("run", "tune"):
        words = (command, "-m", "vit_p_1mf", "--recipe", "tiny.toml", *POINT[command])
        code, out = on(two_machines, tmp_path, *words, "--storage", str(away))
        assert code == 2, out
        assert (
            f"--storage {away} does not hold what was just written there on {socket.gethostname()} (" in out
        )
        assert "a machine of the cluster. All must see the same." in out
    assert list(away.iterdir()) == []
    assert not list(tmp_path.glob("*/*/journal.jsonl"))
    words = ("run", "-m", "vit_p_1mf", "--recipe", "tiny.toml", *POINT["run"], "--n", "1")
    code, out = on(two_machines, tmp_path, *words, "--storage", str(shared))
    assert code == 0, out
    assert list(shared.iterdir()) == []


@pytest.mark.system
def test_images_that_not_all_machines_see_are_refused_before_anything_runs(two_machines, tmp_path):
    away = tmp_path / "away"
    for part, image in itertools.product(("train", "val"), range(40)):
        path = away / part / "ab"[image % 2] / f"{image}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (image, 0, 0)).save(path)
    (tmp_path / "files.toml").write_text(FILES)
    words = ("run", "-m", "vit_p_1mf", "--recipe", "files.toml", "--data", str(away), *POINT["run"])
    code, out = on(two_machines, tmp_path, *words)
    assert code == 2, out
    assert f"{away}/train/a/" in out
    assert "png (--data) cannot be read (No such file or directory) on" in out


FILES = """
dataset = "folder"
max_px = 16
epochs = 1
batch = 8
warmup_epochs = 0
augment = ["random_resized_crop"]
"""
