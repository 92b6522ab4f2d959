"""What is in the folder in which bad command lines are tried."""

import pytest


@pytest.fixture
def place(tmp_path, results):
    """Two sweeps with results, and things that are not what they seem."""
    (tmp_path / "a_file").write_text("")
    for name in ("a_folder", *(f"a_folder.{suffix}" for suffix in ("toml", "csv", "json", "pdf", "svg"))):
        (tmp_path / name).mkdir()
    for name in ("loop", "loop.toml"):
        (tmp_path / name).symlink_to(name)
    (tmp_path / "latin.toml").write_bytes(b'dataset = "\xe9"')
    (tmp_path / "empty.toml").write_text("")
    (tmp_path / "t.csv").write_text("model,lr,wd,err\na,1,1,5\na,2,1,9\n")
    return tmp_path


@pytest.fixture
def plan(place):
    """The plan of one of the two sweeps."""
    return next((place / "sweeps").glob("vit_c*/plan.json"))
