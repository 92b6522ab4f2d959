"""Where tests lie: they mirror the tree, and none imports another."""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent
FILES = sorted(TESTS.rglob("test_*.py"))


def imported(path: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    names = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    return names | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


@pytest.mark.parametrize("path", FILES, ids=[str(path.relative_to(TESTS)) for path in FILES])
def test_no_test_module_imports_another(path):
    others = {file.stem for file in FILES}
    assert not [name for name in imported(path) if name.rpartition(".")[2] in others]


def test_tests_of_a_package_lie_in_a_folder_of_its_name():
    packages = {path.parent.name for path in ROOT.glob("sweep/*/__init__.py")} | {"analysis", "search_spaces"}
    folders = {path.name for path in (TESTS / "unit").iterdir() if list(path.glob("**/test_*.py"))}
    assert folders - packages <= {"benchmarks", "docker", "docs"}
    assert packages <= folders
