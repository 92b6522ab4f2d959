"""The script that checks a GPU, tried in miniature on a CPU."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]


def test_every_part_runs_and_every_check_holds(tmp_path):
    command = [sys.executable, "benchmarks/gpu_check.py", "--cpu", "--out", str(tmp_path / "check")]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = list(csv.DictReader((tmp_path / "check.csv").open()))
    assert {row["case"] for row in rows if row["ok"] == "yes"} >= {"lr 1e12", "vit_p_5mf", "two processes"}
    assert {row["part"] for row in rows} >= {"precision", "divergence", "resuming", "company", "cifar"}
    assert "| small_packs | vit_p_5mf K=2 |" in (tmp_path / "check.md").read_text()
