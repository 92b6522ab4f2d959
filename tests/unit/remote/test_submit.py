"""A command becomes a job: its name, and what Ray is given; and how it begins on the cluster."""

import json

import pytest

from sweep.errors import InputError
from sweep.remote import start
from sweep.remote.jobs import RemoteJob
from sweep.remote.submit import Begun, Submission, check_installed, here, submit, there
from sweep.remote.submit_archive import Package
from sweep.remote.version import build

RUN = Submission(words=("run", "--model", "a b"), folder="/sweeps/alice")
PACKAGE = Package(content=b"zip", files=("own.py",))


def test_the_same_command_files_and_folder_are_the_same_job():
    same = Submission(words=["run", "--model", "a b"], folder="/sweeps/alice")
    assert same.name == RUN.name
    others = [
        Submission(words=("run", "--model", "b"), folder="/sweeps/alice"),
        Submission(words=RUN.words, folder="/sweeps/bob"),
        Submission(words=RUN.words, folder=RUN.folder, package=PACKAGE),
    ]
    assert len({RUN.name, *(each.name for each in others)}) == 4
    assert RUN.name.startswith("alice-run-")


def test_what_ray_is_given():
    request = RUN.request("alice-1", "gcs://package.zip")
    assert request["entrypoint"] == (
        f"python -m sweep.remote.start --version={build()} --folder=/sweeps/alice -- run --model 'a b'"
    )
    assert request["submission_id"] == "alice-1"
    assert request["runtime_env"]["working_dir"] == "gcs://package.zip"
    assert "working_dir" not in RUN.request("alice-1", None)["runtime_env"]
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


class Jobs:
    """The calls of the jobs API that submitting makes."""

    def __init__(self, **statuses):
        self.statuses = statuses

    def jobs(self):
        rest = {"message": "", "exit_code": None, "started_ms": 0, "metadata": {}}
        return [RemoteJob(id=name, status=status, **rest) for name, status in self.statuses.items()]

    def submit(self, request):
        assert request["submission_id"] not in self.statuses, "a name is taken once"
        self.statuses[request["submission_id"]] = "RUNNING"

    def delete(self, job_id):
        del self.statuses[job_id]


def test_a_command_that_runs_is_not_submitted_again():
    api = Jobs()
    assert submit(api, RUN) == Begun(job_id=RUN.name, is_new=True)
    assert submit(api, RUN) == Begun(job_id=RUN.name, is_new=False)
    assert api.statuses == {RUN.name: "RUNNING"}


def test_each_start_of_a_job_has_a_name_of_its_own_for_ray_frees_names_late():
    api = Jobs(**{"alice-run-0": "FAILED", f"{RUN.name}-x": "FAILED", RUN.name: "STOPPED"})
    others = {"alice-run-0": "FAILED", f"{RUN.name}-x": "FAILED"}
    for number in range(2, 12):
        assert submit(api, RUN) == Begun(job_id=f"{RUN.name}-{number}", is_new=True)
        assert submit(api, RUN).is_new is False
        assert api.statuses == others | {f"{RUN.name}-{number}": "RUNNING"}
        api.statuses[f"{RUN.name}-{number}"] = "FAILED"
