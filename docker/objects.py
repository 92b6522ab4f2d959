"""Saves what MLflow keeps in the S3 store to a tar file, or loads one: ``objects.py save`` or ``load``.

It goes through S3, so that a backup can be loaded into another store than the one it was made from.
"""

import io
import os
import sys
import tarfile
from pathlib import Path

from pyarrow.fs import FileSelector, FileType, S3FileSystem

BUCKET = "artifacts"
KEY_FILE = Path("/run/secrets/s3_artifacts_key")


def main() -> None:
    """Do what the word on the command line says, and report on stderr how many objects it were."""
    scheme, _, address = os.environ.get("S3_ADDRESS", "http://s3:8333").partition("://")
    store = S3FileSystem(
        access_key=BUCKET,
        secret_key=KEY_FILE.read_text().strip(),
        endpoint_override=address,
        scheme=scheme,
        allow_bucket_creation=True,
    )
    store.create_dir(BUCKET)
    print({"save": save, "load": load}[sys.argv[1]](store), "objects", file=sys.stderr)


def save(store: S3FileSystem) -> int:
    """Write every object of the bucket to a tar file on stdout."""
    found = store.get_file_info(FileSelector(BUCKET, recursive=True))
    files = [each for each in found if each.type is FileType.File]
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|") as archive:
        for each in files:
            entry = tarfile.TarInfo(each.path.removeprefix(f"{BUCKET}/"))
            with store.open_input_stream(each.path) as content:
                data = content.read()
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return len(files)


def load(store: S3FileSystem) -> int:
    """Write every file of the tar file on stdin into the bucket."""
    count = 0
    with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
        for entry in archive:
            content = archive.extractfile(entry)
            if content is None:
                continue
            with store.open_output_stream(f"{BUCKET}/{entry.name}") as target:
                target.write(content.read())
            count += 1
    return count


if __name__ == "__main__":
    main()
