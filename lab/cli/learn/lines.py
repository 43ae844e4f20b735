"""Lines of a lesson, a question or a card in this terminal's colours and signs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lab.cli.output import coloured, out, paint

if TYPE_CHECKING:
    from lab.course.typeset import Line, Page

ROLES: Mapping[str, str] = {
    "title": "title",
    "strong": "title",
    "note": "title",
    "name": "name",
    "key": "name",
    "dim": "dim",
    "ok": "good",
}


def page() -> Page:
    """An empty page of this terminal's width."""
    from lab.cli.exercise.reports import width
    from lab.course import typeset

    return typeset.Page(width() - 1, marked=not coloured())


def show(lines: Iterable[Line], role: str = "plain") -> None:
    """Print them; what has no style of its own is in the colour of `role`."""
    from lab.cli.exercise.reports import speaks_unicode
    from lab.dashboard.glyphs import to_ascii

    unicode = speaks_unicode()
    for line in lines:
        told = [(span.text.replace("\N{NO-BREAK SPACE}", " "), ROLES.get(span.style, role)) for span in line]
        out("".join(paint(text if unicode else to_ascii(text), role) for text, role in told).rstrip())
