"""A command becomes a job: its name, and what Ray is given; and how it begins on the cluster."""

import json

import pytest

from sweep.errors import InputError
from sweep.remote import start
from sweep.remote.jobs import RemoteJob
from sweep.remote.submit import Submission, check_installed, here, submit, there, until_begun
from sweep.remote.submit_archive import Package
from sweep.remote.version import build

RUN = Submission(words=("run", "--model", "a b"), folder="/sweeps/alice")
PACKAGE = Package(content=b"zip", files=("own.py",))


def test_the_same_command_files_and_folder_are_the_same_job():
    same = Submission(words=["run", "--model", "a b"], folder="/sweeps/alice")
    assert same.job_id == RUN.job_id
    others = [
        Submission(words=("run", "--model", "b"), folder="/sweeps/alice"),
        Submission(words=RUN.words, folder="/sweeps/bob"),
        Submission(words=RUN.words, folder=RUN.folder, package=PACKAGE),
    ]
    assert len({RUN.job_id, *(each.job_id for each in others)}) == 4
    assert RUN.job_id.startswith("alice-run-")


def test_what_ray_is_given():
    request = RUN.request("gcs://package.zip")
    assert request["entrypoint"] == (
        f"python -m sweep.remote.start --version={build()} --folder=/sweeps/alice -- run --model 'a b'"
    )
    assert request["runtime_env"]["working_dir"] == "gcs://package.zip"
    assert "working_dir" not in RUN.request(None)["runtime_env"]
    assert request["metadata"] == {
        "sweep_folder": "/sweeps/alice",
        "sweep_command": "sweep run --model 'a b'",
    }
    json.dumps(request)


@pytest.mark.parametrize(
    "printed",
    [
        "ModuleNotFoundError: No module named 'sweep'",
        "/usr/bin/python: No module named sweep.remote.fetch_archive",  # an older version of ours
    ],
)
def test_a_cluster_without_this_version_is_told_from_other_errors(printed):
    with pytest.raises(InputError, match="or another version: install"):
        check_installed(printed)
    check_installed("ModuleNotFoundError: No module named 'sweeping'")


@pytest.mark.parametrize(
    ("option", "value", "is_there"),
    [
        ("recipe", "a/b/my.toml", "my.toml"),
        ("recipe", "digits", "digits"),
        ("out", "here/x.pdf", "/sweeps/alice/figures/x.pdf"),
        ("data", "/data/images", "/data/images"),
        ("storage", "s3://bucket/x", "s3://bucket/x"),
        ("lr", "0.1", "0.1"),
    ],
)
def test_paths_of_this_machine_and_of_the_cluster(option, value, is_there):
    assert there(option, value, "/sweeps/alice") == is_there


def test_commands_in_what_a_driver_prints_are_those_that_are_given_here():
    said = "Find one: sweep tune --model a --dir /sweeps/alice. `sweep run` takes it; sweep status lists it."
    assert here(said, "/sweeps/alice") == (
        "Find one: sweep submit tune --model a. `sweep submit run` takes it; sweep status lists it."
    )
    assert (
        here("sweep submit tune --dir /sweeps/bob", "/sweeps/alice") == "sweep submit tune --dir /sweeps/bob"
    )


@pytest.fixture
def become(monkeypatch):
    """Begin a job; return the command that the process would become, and its environment."""
    import os

    became = []
    monkeypatch.setattr(os, "execv", lambda program, words: became.append((words[1:], dict(os.environ))))

    def become(*words: str):
        start.main(words)
        return became[0]

    return become


def test_a_job_becomes_the_command_itself(become, monkeypatch, tmp_path):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "to be put back")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    monkeypatch.setenv("SWEEP_DIR", "to be put back")
    words, variables = become(f"--version={build()}", f"--folder={tmp_path}/new", "--", "run", "--n", "3")
    assert words == ["-m", "sweep", "run", "--n", "3", "--address", "auto"]
    assert variables["SWEEP_DIR"] == f"{tmp_path}/new"
    assert variables["MLFLOW_TRACKING_URI"] == f"sqlite:///{tmp_path}/new/mlflow.db"
    assert (tmp_path / "new" / "figures").is_dir()


def test_the_heads_own_mlflow_is_taken(become, monkeypatch, tmp_path):
    monkeypatch.setenv("SWEEP_DIR", "to be put back")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    _, variables = become(f"--version={build()}", f"--folder={tmp_path}", "--", "run")
    assert variables["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"


@pytest.mark.parametrize(
    ("client", "remedy"),
    [
        ("0.0.7", f"pip install robustness-sweep=={build().partition('+')[0]}"),
        (f"{build()}0", "Their sources differ: install the same ones on both sides"),
    ],
)
def test_another_version_or_build_is_refused_by_name(client, remedy, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        start.main([f"--version={client}", f"--folder={tmp_path}/new", "--", "run"])
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert f"the cluster has robustness-sweep {build()}, and the command came from {client}. " in said
    assert remedy in said
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_to(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"cannot write to .*/file/me: Not a directory. Set folder in your"):
        start.prepare(tmp_path / "file" / "me")


DIED = "Job supervisor actor died: ... Worker exits with an exit code 0. exit_actor() is called."


TAKEN = (
    "Failed to start supervisor actor a: 'The name _ray_internal_job_actor_a (namespace=SUPERVISOR) is "
    "already taken. Please use a different name.' Full traceback:\nTraceback (most recent call last):\n ..."
)


class Jobs:
    """The calls of the jobs API that submitting makes; each job ends as the next of ``ends`` says."""

    def __init__(self, ends):
        self.ends, self.submitted, self.now = list(ends), 0, None

    def job(self, job_id):
        return self.now

    get = job

    def log(self, job_id):
        return "printed\n" * self.submitted

    def delete(self, job_id):
        self.now = None

    def submit(self, request):
        assert self.now is None, "a name is taken once"
        status, message, exit_code = self.ends.pop(0)
        self.submitted += 1
        self.now = RemoteJob(
            id="a", status=status, message=message, exit_code=exit_code, started_ms=0, metadata={}
        )


@pytest.mark.parametrize(
    ("ends", "submitted"),
    [
        ([("FAILED", DIED, None), ("SUCCEEDED", "", 0)], 2),
        ([("FAILED", TAKEN, None), ("FAILED", DIED, None), ("SUCCEEDED", "", 0)], 3),
        ([("FAILED", DIED, None)] * 10, 10),
        ([("FAILED", "out of memory", None)], 1),
        ([("FAILED", "exit_actor() is called", 1)], 1),
    ],
)
def test_a_job_that_took_a_name_too_soon_is_submitted_again(ends, submitted, monkeypatch):
    monkeypatch.setattr("sweep.remote.submit._EVERY_S", 0.0)
    api, shown = Jobs(ends), []
    job = until_begun(api, RUN, submit(api, RUN), shown.append)
    assert (api.submitted, job.status) == (submitted, ends[submitted - 1][0])
    assert "".join(shown) == "printed\n" * submitted
