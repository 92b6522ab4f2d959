import ast
import dataclasses
import re
import shlex
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command

import analysis
import sweep
from sweep.cli.main import app
from sweep.recipes.loading import shipped
from sweep.recipes.recipe import Recipe

ROOT = Path(__file__).parents[3]
BESIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")]
PAGES = sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)
BY_HAND = [ROOT / "README.md", *(page for page in PAGES if page.parent.name in ("docs", "guide", "concepts"))]
TEXT = {path: path.read_text() for path in (*BESIDE, *PAGES)}
OTHERS_OPTIONS = {
    "--help",
    "--index-url",
    "--no-deps",
    "--cpu",
    "--micro-batch",
    "--steps",
    "--memory",
    "--head",
}
"""Options of pip, of Ray and of the scripts in benchmarks/, and what every command has."""


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT[path], re.DOTALL)


def shell_lines(path: Path) -> list[str]:
    text = "".join(blocks(path, "sh")).replace("\\\n", " ")
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands(group, *before):
    for name, command in group.commands.items():
        yield (*before, name), command
        yield from commands(command, *before, name) if hasattr(command, "commands") else ()


ALL_COMMANDS = dict(commands(get_command(app)))
COMMANDS = {
    f"{named(path)}: {line}": line for path in TEXT for line in shell_lines(path) if line.startswith("sweep ")
}


def parse(line: str) -> None:
    command, (name, *words) = get_command(app), shlex.split(line)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        name, words = words[0], words[1:]
        assert name in command.commands, f"no such command: {name}"
        command = command.commands[name]
    if words != ["--help"]:
        command.make_context(name, words)


@pytest.mark.parametrize("line", COMMANDS.values(), ids=list(COMMANDS))
def test_every_command_in_the_docs_parses(line):
    parse(line)


@pytest.mark.parametrize("line", ["sweep runn", "sweep run --modle x", "sweep study lengths --n 3"])
def test_a_command_that_does_not_exist_would_be_noticed(line):
    with pytest.raises(Exception, match=r"no such command|No such option"):
        parse(line)


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_no_line_of_code_is_longer_than_the_page_is_wide(path):
    lines = "\n".join(
        re.findall(r"^```(?!{)[a-z]*\n(.*?)^```", TEXT[path], re.DOTALL | re.MULTILINE)
    ).splitlines()
    assert [line for line in lines if len(line) > 90] == []


def test_the_readme_can_be_read_in_five_minutes():
    assert len(TEXT[ROOT / "README.md"].splitlines()) <= 150


@pytest.mark.parametrize("words", ALL_COMMANDS, ids=" ".join)
def test_every_command_is_shown_in_the_guide(words):
    assert any(line.startswith(" ".join(["sweep", *words])) for line in COMMANDS.values())


def options() -> set[str]:
    parameters = (each for command in ALL_COMMANDS.values() for each in command.params)
    shown = (each for each in parameters if not getattr(each, "hidden", False))
    return {
        word for each in shown for word in (*each.opts, *each.secondary_opts) if word.startswith("--")
    } - {"--help"}


def test_every_option_is_explained_by_hand():
    text = "\n".join(TEXT[path] for path in BY_HAND)
    assert [option for option in sorted(options()) if not re.search(rf"{option}\b(?!-)", text)] == []


@pytest.mark.parametrize("path", BY_HAND, ids=named)
def test_every_option_that_is_named_exists(path):
    known = options() | OTHERS_OPTIONS
    assert set(re.findall(r"(?<![-\w])--[a-z][a-z-]*[a-z]", TEXT[path])) - known == set()


def test_every_make_target_that_is_named_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"`make ([\w-]+)`", "\n".join(TEXT.values())))
    targets |= {line.split()[1] for path in TEXT for line in shell_lines(path) if line.startswith("make ")}
    assert {"demo", "docs", "setup", "test"} <= targets
    assert [target for target in targets if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []


def test_the_versions_of_torch_for_a_cpu_are_those_that_setup_installs():
    constraints = (ROOT / "constraints.txt").read_text().split()
    [line] = [each for each in shell_lines(ROOT / "docs/start.md") if each.startswith("pip install torch")]
    assert set(line.split()[2:4]) <= set(constraints)


def test_every_recipe_is_documented_and_columns_are_generated():
    for word in shipped():
        assert f"`{word}`" in TEXT[ROOT / "docs/guide/data.md"], word
    assert "<!-- generated: trial_columns -->" in TEXT[ROOT / "docs/reference/columns.md"]


OURS = {"analysis": analysis, "sweep": sweep}
PYTHON = [(path, block) for path in TEXT for block in blocks(path, "python")]


@pytest.mark.parametrize(("path", "block"), PYTHON, ids=[named(path) for path, _ in PYTHON])
def test_python_in_the_docs_is_python_and_uses_what_there_is(path, block):
    used = [node for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Attribute)]
    named = [(node.value.id, node.attr) for node in used if isinstance(node.value, ast.Name)]
    assert [each for each in named if each[0] in OURS and not hasattr(OURS[each[0]], each[1])] == []


def slug(heading: str) -> str:
    """Return the anchor that GitHub and the website give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", TEXT, ids=named)
def test_links_lead_somewhere_and_nothing_is_left_to_fill_in(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXT[path]):
        if link.startswith("https://"):
            continue
        target, _, anchor = link.partition("#")
        to = (path.parent / target).resolve() if target else path
        assert to.exists(), link
        if anchor:
            assert anchor in map(slug, re.findall(r"^#+ (.*)$", to.read_text(), re.MULTILINE)), link
    assert not re.search(r"DEMO_READING|BENCH_TABLE|TODO", TEXT[path])


def test_where_a_line_belongs_is_a_module_that_exists():
    section = TEXT[ROOT / "CONTRIBUTING.md"].split("## Where does a line belong?")[1].split("\n## ")[0]
    rows = [row for row in section.splitlines() if row.startswith("| ") and "`" in row]
    assert len(rows) >= 10
    modules = re.findall(r"`([\w/]+(?:\.py|/))`", section)
    assert [module for module in modules if not (ROOT / module).exists()] == []


class _Page(HTMLParser):
    """The anchors of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors.update(filter(None, (values.get("id"), values.get("name"))))
        self.links += [values[name] for name in ("href", "src") if values.get(name)]


@pytest.fixture(scope="module")
def website(tmp_path_factory):
    folder = tmp_path_factory.mktemp("website")
    words = ["-m", "sphinx", "-W", "--keep-going", "-E", "-a", "-q", "-b", "html"]
    made = subprocess.run(
        [sys.executable, *words, "-d", folder / "read", ROOT / "docs", folder / "html"],
        capture_output=True,
        text=True,
    )
    assert made.returncode == 0, made.stderr
    return {path: _Page(path.read_text()) for path in (folder / "html").rglob("*.html")}


@pytest.mark.slow
def test_every_link_between_pages_of_the_website_leads_somewhere(website):
    assert len(website) > 20
    wrong = [
        f"{path.name} → {link}"
        for path, page in website.items()
        for link in page.links
        if not _leads_somewhere(path, link, website)
    ]
    assert wrong == []


def _leads_somewhere(path: Path, link: str, website: dict[Path, _Page]) -> bool:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return True
    to = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not to.is_file():
        return False
    return not parts.fragment or to not in website or unquote(parts.fragment) in website[to].anchors


@pytest.mark.slow
def test_the_reference_is_made_from_the_code(website):
    page = next(path for path in website if path.parts[-2:] == ("reference", "cli.html")).read_text()
    for option in options():
        assert option in page, option
    assert not any("generated:" in path.read_text() for path in website)


@pytest.mark.slow
def test_the_fields_of_a_recipe_are_described_with_their_defaults(website):
    page = next(path for path in website if path.parts[-2:] == ("reference", "recipes.html")).read_text()
    entries = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page, re.DOTALL)
    told = {_plain(name): _plain(text) for name, text in entries}
    assert told.keys() == {field.name for field in dataclasses.fields(Recipe)} - {"name", "trainer", "metric"}
    assert told["epochs"].endswith("(whole number; required)")
    assert told["label_smoothing"].endswith("(number; default: 0.0)")
    assert told["augment"].endswith("(list of names; default: [])")
    assert told["compile"].endswith("(true or false; default: false)")
    assert told["micro_batch"].endswith("(whole number; default: not given)")


def _plain(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html).split())


@pytest.mark.slow
def test_the_website_loads_nothing_from_elsewhere(website):
    for path in website:
        assert not re.findall(r'(?:src|<link[^>]*href)="https?://[^"]*"', path.read_text()), path.name
