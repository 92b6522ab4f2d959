"""Messages below the command line name parameters in backticks; `sweep.cli` shows flags instead."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("core", "recipes", "checkpoints", "data", "models", "orchestrate", "user_trainer", "utils")
FOLDERS = ["analysis", "search_spaces", *(f"sweep/{name}" for name in PACKAGES)]
FILES = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
FLAG = re.compile(r"(?<![\w(-])--[a-z][a-z-]+")


def messages(path: Path):
    """Yield the texts of a module that are no docstrings; a command may be named with its flags."""
    tree = ast.parse(path.read_text())
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield re.sub(r"`sweep [^`]*(`|$)", "", node.value)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_pure_packages_name_parameters_not_flags(path):
    flags = [text for text in messages(path) if FLAG.search(text) and path.name != "svg.py"]
    assert flags == []
