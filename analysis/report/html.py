"""Builds HTML. Text is escaped unless it was built here, so that no table can inject markup."""

import html
import itertools
import re
from collections.abc import Iterable


class Html(str):
    """Markup that needs no escaping."""

    __slots__ = ()


Child = str | Html | None
Attribute = str | int | float | bool | None


def escape(text: str) -> Html:
    """Return escaped text as markup."""
    return Html(html.escape(text))


def joined(children: Iterable[Child]) -> Html:
    """Join markup and texts; the texts are escaped."""
    return Html("".join(c if isinstance(c, Html) else escape(c) for c in children if c is not None))


def tag(name: str, *children: Child, **attributes: Attribute) -> Html:
    """Return an element.

    Parameters
    ----------
    name : str
        The element's name.
    *children : str, Html or None
        Texts are escaped, None is ignored.
    **attributes
        A final underscore is removed (``class_``), other underscores become hyphens. True gives an attribute
        without a value; None and False give none.
    """
    words = [_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()]
    return Html(f"<{name}{''.join(words)}>{joined(children)}</{name}>")


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def prose(text: str) -> Html:
    """Return a sentence as markup; text between backquotes becomes code."""
    parts = re.split(r"`([^`]*)`", text)
    pairs = itertools.zip_longest(parts[::2], parts[1::2])
    return joined(piece for plain, code in pairs for piece in (plain, tag("code", code) if code else None))


def paragraphs(texts: Iterable[str], **attributes: Attribute) -> Html:
    """Return each text as a paragraph."""
    return joined(tag("p", prose(text), **attributes) for text in texts)


def bullets(items: Iterable[str], **attributes: Attribute) -> Html:
    """Return texts as a list."""
    return tag("ul", joined(tag("li", prose(item)) for item in items), **attributes)


def terms(pairs: Iterable[tuple[str, Child]]) -> Html:
    """Return names and their meanings as a description list."""
    return tag("dl", joined(tag("div", tag("dt", name), tag("dd", text)) for name, text in pairs))


def slug(*words: str) -> str:
    """Return an element id made of words; different words may give the same id."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-") or "x"
