"""The reference pages' contents, made from the code when the documentation is built.

A line ``<!-- generated: NAME -->`` in a page is replaced by the Markdown that the function NAME of `CONTENTS`
returns, so that a command, an option, a column or a field is documented where it is defined and nowhere else.
"""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import NumpyDocstring
from sphinx.pycode import ModuleAnalyzer
from typer.main import get_command

import analysis
import search_spaces
import sweep
from sweep.cli.main import app
from sweep.recipes.loading import NOT_IN_FILES, shipped
from sweep.recipes.recipe import Recipe
from sweep.workspace.trial_table import COLUMNS

MARK = re.compile(r"<!-- generated: (\w+) -->")
_BOLD = re.compile(r"\[bold\](.*?)\[/bold\]")
_ARRAY_LIKE = re.compile(r"~numpy\._typing\._array_like\._Buffer \|.*?\[complex \| bytes \| str\]")
_ARRAY = re.compile(r"~numpy\.ndarray\[tuple\[~typing\.Any, \.\.\.\], ~numpy\.dtype\[~numpy\.(\w+)\]\]")
_KINDS = {"int": "INTEGER", "float": "NUMBER", "str": "TEXT", "Path": "PATH"}
_FIELD_TYPES = {
    "tuple": "list of names",
    "Mapping": "mapping",
    "Path": "path",
    "bool": "true or false",
    "float": "number",
    "int": "whole number",
    "str": "text",
}
_DEFAULTS = (int, float, str, type(Path()))
_COLUMN_TYPES = {"text": "text", "int64": "whole number", "Int64": "whole number", "float64": "number"}


def setup(app: Sphinx) -> dict[str, bool]:
    """Have Sphinx fill in the generated parts of each page as it reads it."""
    app.connect("source-read", _fill_in)
    app.connect("autodoc-process-docstring", _drop_alias)
    app.connect("autodoc-process-signature", _short_types)
    # napoleon would read "Shape (k,): where it steps", under a field, as a type and a text
    NumpyDocstring._parse_attribute_docstring = NumpyDocstring._consume_to_end  # type: ignore[method-assign]
    return {"parallel_read_safe": True}


def _fill_in(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = MARK.sub(lambda mark: CONTENTS[mark[1]](), source[0])


def _drop_alias(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Drop what Python itself writes under the fields of a named tuple."""
    if lines and lines[0].startswith("Alias for field number"):
        lines.clear()


def _short_types(
    app: Sphinx,
    what: str,
    name: str,
    value: object,
    options: object,
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None] | None:
    """Write types and defaults as the code does, not as what they stand for."""
    return _shortened(signature), _shortened(returned)


def _shortened(text: str | None) -> str | None:
    if text:
        text = _ARRAY.sub(r"NDArray[\1]", _ARRAY_LIKE.sub("ArrayLike", text))
        text = re.sub(r"PosixPath\(('.*?')\)", r"\1", text)
    return text


def commands() -> str:
    """Return a section for every command, with its options."""
    group = get_command(app)
    return "\n".join([*_overview(group, "sweep"), "", *_sections(group, "sweep")])


def _overview(group: Any, name: str) -> Iterator[str]:
    yield "| command | what it does |\n|---|---|"
    for word, command in _shown(group):
        yield f"| [`{name} {word}`](#{name}-{word}) | {_text(command.help)} |"


def _shown(group: Any) -> list[tuple[str, Any]]:
    named = [(word, group.commands[word]) for word in group.list_commands(None)]
    return [(word, command) for word, command in named if not command.hidden]


def _sections(group: Any, name: str) -> Iterator[str]:
    for word, command in _shown(group):
        yield from _section(command, f"{name} {word}")
        if hasattr(command, "commands"):
            yield from _sections(command, f"{name} {word}")


def _section(command: Any, name: str) -> Iterator[str]:
    yield f"## {name}\n\n{_text(command.help)}\n"
    yield f"```text\n{_usage(command, name)}\n```\n"
    if command.epilog:
        yield f"{_text(command.epilog)}\n"
    shown = [each for each in command.params if not getattr(each, "hidden", False) and each.name != "help"]
    panels = {getattr(each, "rich_help_panel", None) or "Options": [] for each in shown}
    for each in shown:
        panels[getattr(each, "rich_help_panel", None) or "Options"].append(each)
    for title, parameters in panels.items():
        if title != "Options":
            yield f"**{title}**\n"
        yield from map(_parameter, parameters)


def _usage(command: Any, name: str) -> str:
    context = command.context_class(command, info_name=name)
    return " ".join([name, *command.collect_usage_pieces(context)])


def _parameter(parameter: Any) -> str:
    """Return one option or argument as an entry of a definition list."""
    head = f"`{_spelling(parameter)}`"
    facts = "; ".join(_facts(parameter))
    text = _text(getattr(parameter, "help", None))
    return f"{head}\n: {text}" + (f" *({facts})*\n" if facts else "\n")


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"[{parameter.name}]"
    names = ", ".join(sorted(parameter.opts, key=len, reverse=True) + parameter.secondary_opts)
    return names if getattr(parameter, "is_flag", False) else f"{names} {_kind(parameter)}"


def _kind(parameter: Any) -> str:
    if parameter.metavar:
        return parameter.metavar
    return _KINDS[parameter.bare_type().removeprefix("list[").removesuffix("]")]


def _facts(parameter: Any) -> Iterator[str]:
    if parameter.required:
        yield "required"
    if parameter.multiple and "May be repeated" not in (parameter.help or ""):
        yield "may be repeated"
    if type(parameter.default) in _DEFAULTS:
        yield f"default: `{parameter.default}`"
    if parameter.envvar:
        yield f"environment variable: `{parameter.envvar}`"


def _text(text: str | None) -> str:
    """Return a help text as Markdown: what is bold in a terminal is a command."""
    plain = _BOLD.sub(r"`\1`", inspect.cleandoc(text or "")).replace("*", r"\*")
    return " ".join(plain.split())


def recipe_fields() -> str:
    """Return the fields of a recipe: name, type, default and meaning."""
    return "\n".join(_fields(Recipe, without=NOT_IN_FILES))


def trial_columns() -> str:
    """Return the columns of the trial table: name, type, unit and meaning."""
    rows = [f"| `{c.name}` | {_COLUMN_TYPES[c.dtype]} | {c.unit} | {c.meaning} |" for c in COLUMNS]
    return "\n".join(["| column | type | unit | meaning |", "|---|---|---|---|", *rows])


def _fields(of: Any, without: tuple[str, ...] = ()) -> Iterator[str]:
    documented = ModuleAnalyzer.for_module(of.__module__).find_attr_docs()
    for field in dataclasses.fields(of):
        if field.name not in without:
            text = " ".join(" ".join(documented[of.__name__, field.name]).split())
            yield f"`{field.name}`\n: {text} *({_type(field.type)}; {_default(field)})*\n"


def _type(annotation: object) -> str:
    """Say in words what a field takes."""
    name = getattr(annotation, "__name__", str(annotation))
    return next(words for part, words in _FIELD_TYPES.items() if part in str(name))


def _default(field: Any) -> str:
    if field.default is dataclasses.MISSING:
        return "required"
    if field.default is None:
        return "default: not given"
    value = field.default
    return f"default: `{list(value) if isinstance(value, tuple) else str(value).lower()}`"


def shipped_recipes() -> str:
    """Return the recipes that are shipped, as they stand in their files."""
    files = resources.files("sweep.recipes")
    texts = ((name, (files / f"{name}.toml").read_text()) for name in shipped())
    return "\n".join(f"### {name}\n\n```toml\n{text}```\n" for name, text in texts)


def python_api() -> str:
    """Return the functions that do what the commands do."""
    return _functions(sweep, ["run_sweep", "SweepResult", "find_optimum", "SearchResult", "read_trials"])


def analysis_api() -> str:
    """Return what `analysis` offers."""
    return _functions(analysis, analysis.__all__)


def search_spaces_api() -> str:
    """Return what `search_spaces` offers."""
    return _functions(search_spaces, search_spaces.__all__)


def _functions(module: ModuleType, names: list[str]) -> str:
    lines = [line for name in names for line in _directive(module, name)]
    return "\n".join(["```{eval-rst}", *lines, "```"])


def _directive(module: ModuleType, name: str) -> list[str]:
    value, full = getattr(module, name), f"{module.__name__}.{name}"
    if inspect.isclass(value):
        return [f".. autoclass:: {full}", "   :members:", ""]
    return [f".. autofunction:: {full}", ""] if callable(value) else []


CONTENTS: dict[str, Callable[[], str]] = {
    each.__name__: each
    for each in (
        commands,
        recipe_fields,
        trial_columns,
        shipped_recipes,
        python_api,
        analysis_api,
        search_spaces_api,
    )
}
