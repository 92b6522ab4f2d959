"""MLflow reads and writes artifacts in its own store alone, whatever an account asks for."""

import json
import secrets
import sqlite3
import urllib.error
import urllib.parse
from base64 import b64encode
from contextlib import closing
from pathlib import Path

import pytest
from chaos_servers import MlflowServer
from support.http import ask

pytest.importorskip("flask_wtf", reason="no mlflow[auth]")
pytestmark = pytest.mark.system

APP = Path(__file__).parents[2] / "docker" / "mlflow_app"
ADMIN = "admin", secrets.token_hex(16)
SOMEBODY = "somebody", secrets.token_hex(16)
API = "/api/2.0/mlflow"


class Server:
    """A server with accounts, a file that is no artifact, and an account that may do little."""

    def __init__(self, folder: Path, app: str) -> None:
        self.folder, self.outside = folder, folder / "outside"
        self.outside.mkdir()
        (self.outside / "secret").write_text("the password")
        (folder / "auth.ini").write_text(
            "[mlflow]\ndefault_permission = READ\nadmin_username = admin\nauth_cache_ttl_seconds = 60\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            f"database_uri = sqlite:///{folder}/auth.db\nadmin_password = {ADMIN[1]}\n"
        )
        self.mlflow = MlflowServer(
            folder,
            words=(f"--app-name={app}",),
            PYTHONPATH=str(APP),
            MLFLOW_AUTH_CONFIG_PATH=str(folder / "auth.ini"),
            MLFLOW_FLASK_SERVER_SECRET_KEY="of this test",
        )
        name, password = SOMEBODY
        assert self.ask(f"{API}/users/create", {"username": name, "password": password}, who=ADMIN)[0] == 200

    def ask(
        self, path: str, body: object = None, method: str | None = None, who: tuple[str, str] = SOMEBODY
    ) -> tuple[int, str]:
        """Return the status and the text of an answer; a body is JSON, or bytes as they are."""
        login = "Basic " + b64encode(":".join(who).encode()).decode()
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": login, "Content-Type": "application/json"}
        return ask(self.mlflow.uri + path, data, headers, method)

    def create(self, name: str, **place: str) -> tuple[int, str]:
        """Create an experiment, perhaps at a place."""
        return self.ask(f"{API}/experiments/create", {"name": name} | place)

    def run(self, experiment: str) -> str:
        """Begin a run."""
        status, text = self.ask(f"{API}/runs/create", {"experiment_id": experiment, "start_time": 1})
        assert status == 200, text
        return json.loads(text)["run"]["info"]["run_id"]

    def upload(self, run: str, path: str) -> tuple[int, str]:
        """Write an artifact of a run."""
        where = urllib.parse.urlencode({"run_uuid": run, "path": path})
        return self.ask(f"/ajax-api/2.0/mlflow/upload-artifact?{where}", b"contents")

    def read(self, run: str, path: str) -> tuple[int, str]:
        """Read an artifact of a run."""
        return self.ask(f"/get-artifact?{urllib.parse.urlencode({'run_uuid': run, 'path': path})}")

    def is_unharmed(self) -> bool:
        """Say whether what lies outside is as it was."""
        return {path.name: path.read_text() for path in self.outside.iterdir()} == {"secret": "the password"}


def served(tmp_path_factory, app: str):
    made = Server(tmp_path_factory.mktemp(app), app)
    yield made
    made.mlflow.kill()


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    yield from served(tmp_path_factory, "own-places")


@pytest.fixture(scope="module")
def mlflows_own(tmp_path_factory):
    yield from served(tmp_path_factory, "basic-auth")


def created(answer: tuple[int, str]) -> str:
    assert answer[0] == 200, answer
    return json.loads(answer[1])["experiment_id"]


def test_artifacts_are_written_and_read_where_the_server_puts_them(server):
    run = server.run(created(server.create("usual")))
    assert server.upload(run, "a/b.txt") == (200, "")
    assert server.read(run, "a/b.txt") == (200, "contents")
    assert [path.read_text() for path in server.folder.glob(f"artifacts/*/{run}/artifacts/a/b.txt")] == [
        "contents"
    ]


@pytest.mark.parametrize("field", ["artifact_location", "artifactLocation"])
@pytest.mark.parametrize("scheme", ["", "file://", "s3://artifacts", "mlflow-artifacts:"])
def test_nobody_chooses_where_they_lie(server, field, scheme):
    status, text = server.create(f"{field} {scheme}", **{field: f"{scheme}{server.outside}"})
    assert status == 403, text
    assert "artifacts lie where this server puts them" in text


def test_an_experiment_that_lies_elsewhere_is_neither_written_nor_read(server):
    """One from before this was refused, or from a hole that is not known yet."""
    experiment = created(server.create("old"))
    with closing(sqlite3.connect(server.folder / "server.db")) as database, database:
        database.execute(
            "update experiments set artifact_location = ? where experiment_id = ?",
            (str(server.outside), int(experiment)),
        )
    run = server.run(experiment)
    for status, text in (server.upload(run, "new"), server.read(run, "new")):
        assert status == 403, text
        assert "artifacts lie where this server puts them" in text
    assert server.is_unharmed()


def test_mlflow_itself_would_write_there(mlflows_own):
    """Or the refusals above would be MLflow's own, and docker/mlflow_app could go."""
    run = mlflows_own.run(
        created(mlflows_own.create("elsewhere", artifact_location=str(mlflows_own.outside)))
    )
    assert mlflows_own.upload(run, "new")[0] == 200
    assert (mlflows_own.outside / run / "artifacts" / "new").read_text() == "contents"


OUTSIDE = "../../../../outside/secret"


@pytest.mark.parametrize(
    "path", [OUTSIDE, OUTSIDE.replace("/", "%2F"), OUTSIDE.replace("..", "%2e%2e"), "{outside}/secret"]
)
def test_no_path_leads_out_of_the_store(server, path):
    path = path.format(outside=server.outside)
    run = server.run(created(server.create(f"paths {path}")))
    proxied = f"/api/2.0/mlflow-artifacts/artifacts/1/{path}"
    for status, text in (server.read(run, path), server.upload(run, path)):
        assert status == 400, text
        assert "Invalid path" in text
    for words in ((None, "GET"), (b"contents", "PUT"), (None, "DELETE")):
        _, text = server.ask(proxied, *words, who=ADMIN)
        assert "the password" not in text
        assert server.is_unharmed()
