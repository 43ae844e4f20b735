"""Figures side by side as a picture: a self-contained SVG, a group of bars for each figure."""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape

from lab.journal.window import worded

COLOURS = ("#3b6ea5", "#c8722c", "#4d8b57", "#8d5a97", "#a03c3c", "#5b5b5b")
WIDTH, LABEL, BAR, LINE = 760, 250, 380, 18


def picture(figures: Mapping[str, Mapping[str, float | None]]) -> str:
    """`figures` are values by name of what is compared, by label. Each group has a scale of its own; what is None is
    left out."""
    rows, y = list[str](), 16
    for label, values in figures.items():
        known = {name: value for name, value in values.items() if value is not None}
        if not known:
            continue
        rows.append(_text(8, y + 12, label, "b"))
        largest = max(*known.values(), 0.0) or 1.0
        for number, (name, value) in enumerate(known.items()):
            y += LINE
            width = round(BAR * max(0.0, value) / largest, 1)
            rows.append(_text(16, y + 12, name))
            colour = COLOURS[number % len(COLOURS)]
            rows.append(f'<rect x="{LABEL}" y="{y + 2}" width="{width}" height="{LINE - 6}" fill="{colour}"/>')
            rows.append(_text(LABEL + width + 6, y + 12, worded(value)))
        y += LINE + 10
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 8}" font-family="sans-serif"'
    return f'{head} font-size="13">\n<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(rows) + "\n</svg>\n"


def _text(x: float, y: float, text: str, weight: str = "") -> str:
    bold = ' font-weight="bold"' if weight else ""
    return f'<text x="{x}" y="{y}"{bold}>{escape(text)}</text>'
