"""What is printed of jobs on a cluster."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console


def print_jobs(rows: Sequence[dict[str, Any]], console: Console) -> None:
    """Print jobs, as `sweep.remote.submit.job_rows` describes them."""
    for row in rows:
        console.print(f"{row['job']}: {row['status']}, started {row['started']}", markup=False)
        console.print(f"    {row['command']}", markup=False)
        console.print(f"    {row['last_line']}", markup=False)
    if not rows:
        console.print("No jobs since the cluster's head was started. Start one: sweep submit run --model …")
