import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from sweep.cli.main import app
from sweep.recipes.loading import shipped
from sweep.workspace.table import COLUMNS

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")]
README = (ROOT / "README.md").read_text()


def shell_lines() -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    return [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


COMMANDS = [line for line in shell_lines() if line.startswith("sweep ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_in_the_readme_parses(line):
    group = get_command(app)
    name, *words = shlex.split(line)[1:]
    group.get_command(None, name).make_context(name, words)


def test_every_command_is_in_the_readme():
    for name in get_command(app).commands:
        assert any(line.startswith(f"sweep {name}") for line in COMMANDS), name


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = [line.split()[1] for line in shell_lines() if line.startswith("make ")]
    assert targets == ["demo", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_every_recipe_and_exported_column_is_documented():
    for word in (*shipped(), *COLUMNS):
        assert re.search(rf"\b{word}\b", README), word


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere_and_nothing_is_left_to_fill_in(path):
    text = path.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (path.parent / target).exists(), target
    assert not re.search(r"DEMO_READING|BENCH_TABLE|TODO", text)
