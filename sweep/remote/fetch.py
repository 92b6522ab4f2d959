"""Brings sweeps from the cluster to this machine."""

from pathlib import Path

from sweep.errors import InputError
from sweep.remote.fetch_archive import unpack
from sweep.remote.jobs import JobsApi
from sweep.remote.submit import run_and_read


def fetch(api: JobsApi, name: str, out: Path) -> list[str]:
    """Write the sweeps and searches of a user's folder on the cluster to a folder here.

    Parameters
    ----------
    api : JobsApi
        The cluster.
    name : str
        Only those whose names begin so.
    out : Path
        The folder; what was fetched before is updated.

    Returns
    -------
    list of str
        Their names.

    Raises
    ------
    InputError
        If there is none, or ``out`` holds sweeps of its own.
    """
    folder = api.profile.folder
    printing = ["sweep.remote.fetch_archive", folder, *([name] if name else [])]
    names = unpack(run_and_read(api, folder, printing), out)
    if not names:
        beginning = f" that begins with {name}" if name else ""
        raise InputError(f"the cluster has no sweep{beginning} in {folder}. `sweep submit` starts one.")
    return names
