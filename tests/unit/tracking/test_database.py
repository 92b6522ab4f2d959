"""MLflow's database is there whole or not at all, at whatever moment its creation is killed."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient
from sqlalchemy.exc import OperationalError

from sweep.tracking import database as module
from sweep.tracking.store import MlflowTracker

pytestmark = pytest.mark.slow

FORKED = """
import json, os, sqlite3, sys, time
from mlflow import MlflowClient
import mlflow.store.tracking.sqlalchemy_store
from sweep.tracking import database
from sweep.tracking.client import quieten

quieten()

def forked(work):
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:
            print(type(error).__name__, error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return child
"""

IN_PLACE = """
for part in map(float, sys.argv[2:]):  # killed so many seconds after the file has appeared
    os.makedirs(f"{sys.argv[1]}/{part}")
    file = f"{sys.argv[1]}/{part}/mlflow.db"
    child = forked(lambda: MlflowClient(f"sqlite:///{file}").search_experiments())
    while not os.path.exists(file):
        time.sleep(0.001)
    time.sleep(part)
    os.kill(child, 9)
    os.waitpid(child, 0)
"""

OURS = """
os.environ["TMPDIR"] = f"{sys.argv[1]}/tmp"  # where what is killed leaves its files
os.makedirs(os.environ["TMPDIR"])
for part in map(float, sys.argv[2:]):  # killed after so many seconds
    os.makedirs(f"{sys.argv[1]}/{part}")
    child = forked(lambda: database.prepare(f"sqlite:///{sys.argv[1]}/{part}/mlflow.db"))
    time.sleep(part)
    os.kill(child, 9)
    os.waitpid(child, 0)
"""

AT_ONCE = """
from sweep.tracking.store import MlflowTracker

os.chdir(sys.argv[1])
os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{sys.argv[1]}/mlflow.db"
children = [forked(lambda: MlflowTracker(recipe)) for recipe in sys.argv[2:]]
sys.exit(sum(os.waitpid(child, 0)[1] for child in children))
"""


def ran(script: str, *words: object) -> None:
    words = list(map(str, words))
    done = subprocess.run(
        [sys.executable, "-c", FORKED + script, *words],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def whole():
    """A new database, which takes MLflow seconds to create."""
    return module._new_database()


@pytest.fixture
def quick(whole, monkeypatch):
    monkeypatch.setattr(module, "_new_database", lambda: whole)
    monkeypatch.setattr(module, "_SETTLED_S", 0.0)


MOMENTS = (0.0, 0.1, 0.3, 0.6, 1.0, 1.5)


@pytest.fixture(scope="module")
def half_made(tmp_path_factory):
    """Databases at whose creation MLflow itself was killed."""
    folder = tmp_path_factory.mktemp("half")
    ran(IN_PLACE, folder, *MOMENTS)
    return folder


def works(file: Path, monkeypatch) -> list[str]:
    """See that the database takes an experiment; return what the user is told."""
    monkeypatch.chdir(file.parent)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    notes = MlflowTracker("digits").notes
    assert MlflowClient().get_experiment_by_name("sweep-digits") is not None
    return notes


def set_back(file: Path) -> None:
    """Bring a whole database to where MLflow cannot continue: a migration was made, but not recorded."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("update alembic_version set version_num = '451aebb31d03'")
        database.execute("drop table trace_info")
        database.execute("delete from experiments")
        database.commit()


def test_a_half_made_database_is_replaced_and_kept_aside(whole, quick, tmp_path, monkeypatch):
    file = tmp_path / "mlflow.db"
    file.write_bytes(whole)
    set_back(file)
    half_made = file.read_bytes()
    with pytest.raises(OperationalError, match="already exists"):
        MlflowClient(f"sqlite:///{file}").search_experiments()
    file = tmp_path / "new" / "mlflow.db"
    file.parent.mkdir()
    file.write_bytes(half_made)
    (note,) = works(file, monkeypatch)
    assert "creation had been cut off" in note
    assert note.endswith("it is mlflow.db.damaged.")
    assert (file.parent / "mlflow.db.damaged").read_bytes() == half_made
    assert works(file, monkeypatch) == []


@pytest.mark.parametrize("moment", MOMENTS)
def test_whatever_mlflow_left_when_it_was_killed_works(half_made, quick, moment, tmp_path, monkeypatch):
    for file in (half_made / str(moment)).iterdir():  # its journal, too
        (tmp_path / file.name).write_bytes(file.read_bytes())
    works(tmp_path / "mlflow.db", monkeypatch)
    assert works(tmp_path / "mlflow.db", monkeypatch) == []


def test_killed_at_any_moment_our_creation_leaves_a_whole_database_or_none(whole, tmp_path):
    moments = (0.0, 0.05, 0.2, 0.5, 0.8, 1.1, 1.4, 1.7, 2.0, 2.3, 2.6, 3.0)
    ran(OURS, tmp_path, *moments)
    for file in tmp_path.glob("*/mlflow.db"):
        assert module._schema(file) == module._schema_of(whole)
    assert not (tmp_path / "0.0" / "mlflow.db").exists()


def test_several_that_are_first_at_once_share_one_database(tmp_path):
    ran(AT_ONCE, tmp_path, "a", "b", "a", "a", "b", "a")
    names = {each.name for each in MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").search_experiments()}
    assert names == {"Default", "sweep-a", "sweep-b"}


def test_a_database_that_holds_anything_is_not_touched(whole, quick, tmp_path):
    older = tmp_path / "older.db"
    older.write_bytes(whole)
    set_back(older)
    with closing(sqlite3.connect(older)) as database:
        database.execute("insert into experiments (experiment_id, name) values (7, 'theirs')")
        database.commit()
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as database:
        database.execute("create table theirs (number integer)")
        database.execute("insert into theirs values (1)")
        database.commit()
    text = tmp_path / "text.db"
    text.write_text("no database")
    new = tmp_path / "new.db"
    new.write_bytes(whole)
    for file in (older, other, text, new):
        before = file.read_bytes()
        assert module.prepare(f"sqlite:///{file}") is None
        assert file.read_bytes() == before
    assert not list(tmp_path.glob("*.damaged*"))


def test_addresses_that_are_no_files_are_left_to_mlflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for uri in ("sqlite://", "sqlite:///:memory:", "http://127.0.0.1:1", "postgresql://a/b", "nonsense"):
        assert module.prepare(uri) is None
        assert not module.holds_nothing(uri)
    assert list(tmp_path.iterdir()) == []
