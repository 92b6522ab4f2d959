"""The built wheel, installed into an empty environment, trains a sweep outside the checkout."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.runs import environment

from sweep.remote.version import build

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
INSTALL_TIMEOUT_S = 900
RECIPE = 'dataset = "digits"\nmax_px = 16\nepochs = 2\nbatch = 32\nwarmup_epochs = 1\ntrain_subset = 64\n'


def call(*words: str | Path, cwd: Path, timeout_s: float = 300) -> str:
    ran = subprocess.run(
        list(map(str, words)),
        cwd=cwd,
        env={name: value for name, value in environment().items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with the wheel and what it needs, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    call(sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    call(sys.executable, "-m", "venv", folder / "env", cwd=folder)
    pip = folder / "env" / "bin" / "pip"
    call(pip, "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=folder, timeout_s=INSTALL_TIMEOUT_S)
    return folder / "env" / "bin"


def test_a_sweep_is_trained_drawn_and_exported(installed, tmp_path):
    (tmp_path / "tiny.toml").write_text(RECIPE)
    sweep = installed / "sweep"
    run = (
        sweep,
        "run",
        "-m",
        "vit_p_1mf",
        "--recipe",
        "tiny.toml",
        "--lr",
        ".005",
        "--wd",
        ".05",
        "--n",
        "2",
        "--seeds",
        "1",
    )
    assert "3/3" in call(*run, cwd=tmp_path)
    call(sweep, "cdf", "--out", "fig.pdf", cwd=tmp_path)
    call(sweep, "report", "--out", "report.html", cwd=tmp_path)
    call(sweep, "export", "--out", "t.csv", cwd=tmp_path)
    assert (tmp_path / "fig.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "t.csv").read_text().count("finished") == 3


def test_its_code_is_the_wheels_and_is_typed(installed, tmp_path):
    code = "import sweep, pathlib; print(pathlib.Path(sweep.__file__).parent)"
    place = Path(call(installed / "python", "-c", code, cwd=tmp_path).strip())
    assert place.is_relative_to(installed.parent)
    assert (place / "py.typed").is_file()


def test_all_shipped_files_are_in_it(installed, tmp_path):
    code = "from sweep.recipes.loading import shipped; print(*shipped())"
    assert "digits" in call(installed / "python", "-c", code, cwd=tmp_path).split()
    assert "vit_c_1gf" in call(installed / "sweep", "models", cwd=tmp_path)


def test_it_is_the_same_build_as_the_checkout(installed, tmp_path):
    """Or a laptop with a checkout could not submit to a cluster that has the wheel."""
    code = "from sweep.remote.version import build; print(build())"
    assert call(installed / "python", "-c", code, cwd=tmp_path).strip() == build()
