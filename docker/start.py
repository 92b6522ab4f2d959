"""Starts the service that a container of the cluster is for: ``start.py head | worker | mlflow``.

Passwords and tokens come as files in /run/secrets. They are put where each program looks for them in a file
of its own, so that none is in the environment, which every process of a job inherits, or on a command line.
"""

import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

SECRETS = Path("/run/secrets")
HEAD_PORT = 6379
MLFLOW_APP = Path(__file__).with_name("mlflow_app")
"""MLflow finds the app `own-places` there: its own, less what would serve files of this container."""
WAIT_S = 300
DONE = Path("/tmp/cluster-done")
"""Where health checks note what they do once a start."""


def main() -> None:
    """Prepare the service, and become it.

    ``mlflow db upgrade …`` prepares it, too, but then runs this command of MLflow's. Words that begin with
    no service are run as they are.
    """
    role, *words = sys.argv[1:] or ["worker"]
    command = [role, *words]
    starts: dict[str, Callable[[], list[str]]] = {"head": head, "worker": worker, "mlflow": mlflow}
    if role in starts:
        server = starts[role]()
        shutil.rmtree(DONE, ignore_errors=True)
        DONE.mkdir()
        command = [server[0], *words] if words else server
    if role == "mlflow":
        _run_mlflow(command)
    os.execvp(command[0], command)


def head() -> list[str]:
    """Return the command of a Ray head: it runs the drivers, and no trial unless HEAD_CPUS says so."""
    _write_credentials()
    _make_bucket("checkpoints")
    return [
        *_ray_start(),
        "--head",
        f"--port={HEAD_PORT}",
        "--dashboard-host=0.0.0.0",
        "--dashboard-port=8265",
        f"--num-cpus={os.environ.get('HEAD_CPUS') or 0}",
    ]


def worker() -> list[str]:
    """Return the command of a Ray worker; it waits for the head."""
    _write_credentials()
    address = os.environ.get("RAY_HEAD", "head")
    _wait_for(f"the Ray head at {address}:{HEAD_PORT}", lambda: _connect(address, HEAD_PORT))
    cpus = os.environ.get("WORKER_CPUS")
    return [*_ray_start(), f"--address={address}:{HEAD_PORT}", *([f"--num-cpus={cpus}"] if cpus else [])]


def mlflow() -> list[str]:
    """Return the command of the MLflow server, whose two accounts have the passwords of the secrets."""
    database = "postgresql+psycopg2://mlflow@postgres/mlflow"
    _write_private(Path.home() / ".pgpass", f"postgres:5432:mlflow:mlflow:{_secret('postgres_password')}\n")
    _write_aws("artifacts", "s3_artifacts_key")
    _make_bucket("artifacts")
    _wait_for("the database at postgres:5432", lambda: _connect("postgres", 5432))
    settings = Path.home() / "basic_auth.ini"
    _write_private(settings, _AUTH_INI.format(database=database))
    os.environ["MLFLOW_AUTH_CONFIG_PATH"] = str(settings)
    os.environ["MLFLOW_FLASK_SERVER_SECRET_KEY"] = _secret("mlflow_session_key")
    os.environ["MLFLOW_BACKEND_STORE_URI"] = database
    os.environ["MLFLOW_S3_ENDPOINT_URL"] = _s3_address()
    os.environ["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # eight idle processes otherwise
    os.environ["PYTHONPATH"] = str(MLFLOW_APP)  # of the server's processes; this one names the app to them
    sys.path.insert(0, str(MLFLOW_APP))
    _set_passwords(database)
    host = os.environ.get("SWEEP_HOST") or "localhost"
    return [
        "mlflow",
        "server",
        "--host=0.0.0.0",
        "--port=5000",
        f"--workers={os.environ.get('MLFLOW_WORKERS') or 2}",
        "--app-name=own-places",
        "--artifacts-destination=s3://artifacts",
        f"--allowed-hosts=mlflow:5000,localhost:*,127.0.0.1:*,{host},{host}:*",
        f"--cors-allowed-origins=http://localhost:*,http://127.0.0.1:*,https://{host},http://{host}:5000",
    ]


_AUTH_INI = """[mlflow]
default_permission = READ
database_uri = {database}
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
auth_cache_ttl_seconds = 60
"""


def _set_passwords(database: str) -> None:
    """Make the accounts `admin` and `sweep`, or give them the secrets' passwords, as after a rotation."""
    from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

    store = SqlAlchemyStore()
    store.init_db(database)
    for name in ("admin", "sweep"):
        password = _secret(f"mlflow_{name}_password")
        if not store.has_user(name):
            store.create_user(name, password, is_admin=name == "admin")
        elif not store.authenticate_user(name, password):
            store.update_user(name, password)
    store.engine.dispose()


def _run_mlflow(command: list[str]) -> NoReturn:
    """Run a command of MLflow's in this process, which has imported it already: that takes seconds."""
    from mlflow.cli import cli

    sys.argv = command
    cli()
    sys.exit()


def _ray_start() -> list[str]:
    # Trials need little of the object store: a dataset that is in memory, once a machine.
    size = os.environ.get("OBJECT_STORE_BYTES") or "500000000"
    return ["ray", "start", "--block", "--disable-usage-stats", f"--object-store-memory={size}"]


def _write_credentials() -> None:
    """Write the files in which MLflow's client and the AWS libraries look for their passwords."""
    folder = Path.home() / ".mlflow"
    folder.mkdir(exist_ok=True)
    password = _secret("mlflow_sweep_password")
    lines = ["[mlflow]", "mlflow_tracking_username = sweep", f"mlflow_tracking_password = {password}"]
    _write_private(folder / "credentials", "\n".join(lines) + "\n")
    _write_aws("checkpoints", "s3_checkpoints_key")


def _write_aws(key: str, secret: str) -> None:
    folder = Path.home() / ".aws"
    folder.mkdir(exist_ok=True)
    lines = ["[default]", f"aws_access_key_id = {key}", f"aws_secret_access_key = {_secret(secret)}"]
    _write_private(folder / "credentials", "\n".join(lines) + "\n")


def _make_bucket(name: str) -> None:
    from pyarrow.fs import S3FileSystem

    scheme, _, address = _s3_address().partition("://")
    store = S3FileSystem(endpoint_override=address, scheme=scheme, allow_bucket_creation=True)

    def made() -> bool:
        try:
            store.create_dir(name)
        except OSError:
            return False
        return True

    _wait_for(f"the bucket {name} of the S3 store at {address}", made)


def _s3_address() -> str:
    return os.environ.get("S3_ADDRESS", "http://s3:8333")


def _connect(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def _wait_for(what: str, is_there: Callable[[], bool]) -> None:
    started = time.monotonic()
    while not is_there():
        if time.monotonic() - started > WAIT_S:
            sys.exit(f"{what} did not answer for {WAIT_S} s. `docker compose logs` has what it says.")
        time.sleep(0.5)


def _secret(name: str) -> str:
    path = SECRETS / name
    value = path.read_text().strip() if path.is_file() else ""
    if not value:
        sys.exit(
            f"the secret {name} is missing or empty: `sh docker/secrets` writes docker/.env with all of them"
        )
    return value


def _write_private(path: Path, text: str) -> None:
    """Write a file that only this user may read, whether or not it was there with other rights."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
