"""Figures as inline SVG in the colours of the page, light or dark."""

import io
import re

import matplotlib
from matplotlib.figure import Figure

from analysis.figures.style import STYLE
from analysis.report.html import Html, tag

_FONT = "'DejaVu Sans', Verdana, sans-serif"
"""Figures are laid out in DejaVu Sans; Verdana is equally wide."""
_NAMED = {
    "#d55e00": "var(--vermillion)",
    "#0072b2": "var(--blue)",
    "#009e73": "var(--green)",
    "#cc79a7": "var(--purple)",
    "#56b4e9": "var(--sky)",
    "#e69f00": "var(--orange)",
}


def inline(figure: Figure, name: str, title: str, description: str) -> Html:
    """Return a figure as an ``svg`` element with a text alternative.

    Text remains text, and colours become those of the page. Every id begins with the figure's name, so that a
    page can contain many figures.

    Parameters
    ----------
    figure : Figure
        The figure.
    name : str
        The element's id.
    title, description : str
        Its text alternative: what it shows, and its numbers.
    """
    raw = _render(figure)
    (box,) = re.findall(r'viewBox="([^"]*)"', raw)
    body = raw[raw.index(">", raw.index("<svg")) + 1 : raw.rindex("</svg>")]
    body = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</defs>|<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", lambda found: _recoloured(found[0]), body)
    body = re.sub(r"\n\s*", "\n", _renamed(body, name))
    width, height = box.split()[2:]
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-desc"),
        Html(body),
        class_="plot",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        viewBox=box,
        width=width,
        height=height,
        id=name,
        style=f"--w: {figure.get_figwidth():.2f}",
    )


def _render(figure: Figure) -> str:
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE | {"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue().decode()


def _recoloured(element: str) -> str:
    """Rewrite one tag with the page's colours and font, and only the decimals that are visible."""
    element = re.sub(r"#[0-9a-f]{6}\b", lambda found: _color(found[0]), element)
    element = re.sub(r"(font(?:-family)?:[^;\"]*?)'DejaVu Sans'[^;\"]*", rf"\g<1>{_FONT}", element)
    element = re.sub(r"(\d+\.\d\d)\d+", r"\1", element)
    return element.replace("xlink:href", "href")


def _color(color: str) -> str:
    """Return the page's colour for a figure's colour; colours of a colour scale stay the same."""
    parts = {color[i : i + 2] for i in (1, 3, 5)}
    if len(parts) > 1:
        return _NAMED.get(color, color)
    grey = round(int(parts.pop(), 16) / 25.5)
    return {0: "currentColor", 10: "var(--paper)"}.get(grey, f"var(--grey-{grey})")


def _renamed(body: str, name: str) -> str:
    """Keep the ids that are referred to, prefixed with the figure's name; remove the others."""
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', body))
    body = re.sub(r' id="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", body)
    return re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", body)
