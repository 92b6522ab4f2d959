"""What needs a browser or Debian's packages; each test skips, by name, what the machine lacks."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from support.browser import FLAGS
from support.runs import WORDS, environment, sweep, table

from sweep.tracking.views import CHART, SWEEPS, TRIALS, view_address

pytestmark = pytest.mark.system

FASHION = Path("/usr/share/datasets/fashion-mnist")
CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian package chromium)")
needs_fashion = pytest.mark.skipif(
    not FASHION.is_dir(), reason="no Fashion-MNIST (Debian package dataset-fashion-mnist)"
)
needs_pdftoppm = pytest.mark.skipif(
    shutil.which("pdftoppm") is None, reason="no pdftoppm (Debian package poppler-utils)"
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    folder = tmp_path_factory.mktemp("swept")
    ran = sweep(folder, *WORDS, "--n", "6")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return folder


@pytest.fixture(scope="module")
def ui(swept):
    """The address of MLflow's UI on the sweeps, as `sweep ui` opens it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "sweep", "ui", "--port", str(port)],
        cwd=swept,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    address = f"http://127.0.0.1:{port}"
    for _ in range(240):
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1)
            break
        except OSError:
            time.sleep(0.5)
    yield address
    os.killpg(server.pid, signal.SIGTERM)
    server.wait(30)


def page(url: str, profile: Path) -> str:
    """Return a page's contents after its scripts have run, in a real browser."""
    flags = [
        *FLAGS,
        "--window-size=1600,1000",
        "--virtual-time-budget=30000",
        "--dump-dom",
    ]
    ran = subprocess.run(
        [str(CHROMIUM), *flags, f"--user-data-dir={profile}", url],
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return ran.stdout


@needs_chromium
def test_the_runs_page_shows_one_parent_run_a_sweep(ui, swept, tmp_path):
    contents = page(f"{ui}/#/experiments/1/runs", tmp_path)
    for name in table(swept).sweep.unique():
        assert name in contents
    assert "sweep-tiny" in contents
    assert "16</strong>" in contents or "16 matching" in contents or ">16<" in contents


@needs_chromium
def test_the_view_of_the_sweeps_shows_each_with_its_results(ui, swept, tmp_path):
    contents = page(view_address(ui, "1", SWEEPS), tmp_path)
    for name in (*table(swept).sweep.unique(), "optimum_err", "median", "within_4", "area_8"):
        assert name in contents
    assert "Request error" not in contents
    assert "point-000" not in contents


@needs_chromium
def test_the_view_of_the_trials_has_lr_wd_and_error_as_numbers(ui, swept, tmp_path):
    contents = page(view_address(ui, "1", TRIALS), tmp_path)
    for name in ("point-000", "optimum", "top1_err", "weight_decay"):
        assert name in contents
    chart = page(view_address(ui, "1", CHART), tmp_path)
    assert "Parallel Coordinates" in chart


@needs_chromium
def test_a_parent_run_shows_plan_and_figures(ui, swept, tmp_path):
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{swept}/mlflow.db")
    (parent, *_) = client.search_runs(["1"], "tags.`sweep.role` = 'sweep'")
    contents = page(f"{ui}/#/experiments/1/runs/{parent.info.run_id}/artifacts", tmp_path)
    assert "plan.json" in contents
    assert "figures" in contents


@needs_pdftoppm
def test_figures_are_drawn_and_their_fonts_are_embedded(swept, tmp_path):
    for words in (("cdf",), ("cdf", "--absolute"), ("scatter",)):
        out = tmp_path / f"{'-'.join(words)}.pdf"
        ran = sweep(swept, *words, "--out", str(out))
        assert ran.returncode == 0, ran.stderr
        fonts = subprocess.run(["pdffonts", out], capture_output=True, text=True, check=True).stdout
        rows = [line.split() for line in fonts.splitlines()[2:]]
        assert rows
        assert all("yes" in row for row in rows)
        subprocess.run(["pdftoppm", "-png", "-r", "100", out, tmp_path / out.stem], check=True)
        assert list(tmp_path.glob(f"{out.stem}-*.png"))


@needs_fashion
def test_the_real_fashion_mnist_trains(tmp_path):
    words = ("run", "--model", "vit_c_1mf", "--recipe", "fashion_mnist", "--data", str(FASHION), "--n", "1")
    ran = sweep(tmp_path, *words, "--epochs", "2", "--lr", "5e-3", "--wd", "0.05", "--seeds", "1")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = table(tmp_path)
    assert set(results.state) == {"finished"}
    assert results.top1_err[results.role == "optimum"].item() < 40  # chance is 90
