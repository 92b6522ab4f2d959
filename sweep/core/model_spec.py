"""Models with arguments: ``resnet18(drop_path_rate=0.1)``, one word wherever a model's name stands.

The word is canonical, so that the same arguments are the same model, whatever their order: it is in the
trial's key, the plan, MLflow and the figures. A model without arguments is its name alone.
"""

import math
import re
from typing import Any

from sweep.errors import InputError

LONGEST = 500
"""Letters in a model's arguments: its word is a parameter of the MLflow runs and a label of figures."""
RESERVED = {
    "num_classes": "the data decide it",
    "img_size": "the recipe and the model's own resolution decide it",
    "in_chans": "images always have three channels",
    **dict.fromkeys(
        ("pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "checkpoint_path", "cache_dir"),
        "a sweep trains from initial weights",
    ),
}
_SLUG_LENGTH = 100


def split(word: str) -> tuple[str, dict[str, Any]]:
    """Return a model's name and its arguments, as plain values.

    Raises
    ------
    InputError
        If what stands in the brackets are no arguments.
    """
    name, bracket, inner = word.partition("(")
    if not bracket:
        return word, {}
    if not inner.endswith(")"):
        raise InputError(f"model {word[:80]!r}: the bracket of its arguments is not closed")
    return name, _parse(inner[:-1], f"model {name!r}")


def join(name: str, args: dict[str, Any]) -> str:
    """Return the word for a model with arguments, the same for any order of them."""
    return f"{name}({_items(args)})" if args else name


def with_args(model: str, text: str | None) -> str:
    """Return the canonical word for a model of the command line, with the text of ``--model-args``.

    Raises
    ------
    InputError
        If the text is no list of arguments, or the model has some of its own.
    """
    name, args = split(model)
    given = _parse(text, "`model_args`") if text is not None else {}
    if args and given:
        raise InputError(f"`model_args` are for every `model`, but {model} has arguments of its own")
    return join(name, args | given)


def slug(word: str) -> str:
    """Return a model's word as it stands in names of folders: without brackets, quotes and spaces."""
    return re.sub(r"[^A-Za-z0-9_.=+-]+", "-", word.replace('"', "")).strip("-")[:_SLUG_LENGTH]


def _parse(text: str, where: str) -> dict[str, Any]:
    """Read ``depth=6, drop_path_rate=0.1``: the inside of a TOML inline table."""
    if len(text) > LONGEST:
        raise InputError(f"{where}: arguments take up to {LONGEST} letters, got {len(text)}")
    import tomllib  # every command imports this module

    try:
        parsed = tomllib.loads(f"args = {{{text}}}")
    except (ValueError, RecursionError) as error:
        raise InputError(
            f"{where}: arguments are NAME=VALUE, NAME=VALUE with TOML values, such as depth=6, "
            f'drop_path_rate=0.1, act_layer="gelu", no_bias=true; got {text[:80]!r} ({error})'
        ) from error
    args = parsed.get("args")
    if set(parsed) != {"args"} or not isinstance(args, dict) or not args:
        raise InputError(f"{where}: no arguments in {text[:80]!r}; they are NAME=VALUE, NAME=VALUE")
    if problems := [problem for name, value in args.items() for problem in _problems(name, value)]:
        raise InputError(f"{where}: " + "; ".join(problems))
    return args


def _problems(name: str, value: Any) -> list[str]:
    """Say what is wrong with an argument of a model."""
    said = [f"{name} cannot be given: {RESERVED[name]}"] if name in RESERVED else []
    if not _is_name(name):
        said.append(f"an argument's name takes letters, digits and _, got {name[:40]!r}")
    if not _is_plain(value):
        said.append(f"{name} must be a number, text, true, false, or a list or table of them, got {value!r}")
    return said


def _is_name(name: str) -> bool:
    return name.isascii() and name.isidentifier()


def _is_plain(value: Any) -> bool:
    """Say whether a value is one that reads back from the model's word as it was."""
    if isinstance(value, dict):
        return all(_is_name(key) and _is_plain(each) for key, each in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return value.isprintable()
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _items(args: dict[str, Any]) -> str:
    return ",".join(f"{name}={_text(value)}" for name, value in sorted(args.items()))


def _text(value: Any) -> str:
    """Write a value in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + _items(value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return repr(value)
