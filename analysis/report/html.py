"""HTML by construction: text is escaped unless it was made here, so that no table can smuggle in markup."""

import html
import itertools
import re
from collections.abc import Iterable


class Html(str):
    """Markup that is safe as it is."""

    __slots__ = ()


Child = str | Html | None
Attribute = str | int | float | bool | None


def escape(text: str) -> Html:
    """Return text as markup that shows it."""
    return Html(html.escape(text))


def joined(children: Iterable[Child]) -> Html:
    """Return markup and texts one after the other, the texts escaped."""
    return Html("".join(c if isinstance(c, Html) else escape(c) for c in children if c is not None))


def tag(name: str, *children: Child, **attributes: Attribute) -> Html:
    """Return an element.

    Parameters
    ----------
    children : str, Html or None
        Texts are escaped, None is passed over.
    attributes
        ``class_`` and ``for_`` without their underscore, others with hyphens for underscores. True is an
        attribute without a value; None and False are no attribute.
    """
    words = [_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items()]
    return Html(f"<{name}{''.join(words)}>{joined(children)}</{name}>")


def _attribute(name: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'


def prose(text: str) -> Html:
    """Return a sentence as markup, with what stands between backquotes as code."""
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
    """Return names and what they mean as a description list."""
    return tag("dl", joined(tag("div", tag("dt", name), tag("dd", text)) for name, text in pairs))


def slug(*words: str) -> str:
    """Return an id that words give; different words may give the same one."""
    return re.sub(r"[^a-z0-9]+", "-", " ".join(words).lower()).strip("-") or "x"
