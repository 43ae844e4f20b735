"""Surface: a widget that shows Rows and repaints only those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from lab.dashboard.glyphs import to_ascii
from lab.dashboard.rows import STYLES, Row
from lab.journal.visible import visible


class Surface(Widget):
    """Call `show` with the rows; a row that is equal to the one before costs nothing. Text is data: no markup is read
    and no control character reaches the terminal."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"surface--{name}" for name in STYLES}
    DEFAULT_CSS = """
    Surface {
        & > .surface--dim { color: $text-muted; }
        & > .surface--strong { text-style: bold; }
        & > .surface--title { text-style: bold; color: $text-primary; }
        & > .surface--ok { color: $text-success; }
        & > .surface--warn { color: $text-warning; }
        & > .surface--bad { color: $text-error; text-style: bold; }
        & > .surface--accent { color: $text-accent; text-style: bold; }
        & > .surface--name { color: $text-primary; }
        & > .surface--note { text-style: bold; }
        & > .surface--key { text-style: bold; color: $text-accent; }
        & > .surface--select { text-style: bold reverse; }
        & > .surface--alarm { text-style: bold reverse; color: $text-error; }
    }
    """

    def __init__(self, *, id: str | None = None, ascii: bool = False) -> None:
        super().__init__(id=id)
        self.ascii = ascii
        self.rows: tuple[Row, ...] = ()
        self._styles: dict[str, Style] = {}

    def show(self, rows: Sequence[Row]) -> None:
        """Replace what is shown."""
        before, self.rows = self.rows, tuple(rows)
        longest = max(len(before), len(self.rows))
        changed = [
            y
            for y in range(longest)
            if (before[y] if y < len(before) else None) != (self.rows[y] if y < len(self.rows) else None)
        ]
        if changed and self.size:
            width = self.size.width
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        base = self._style("text")
        line = self.rows[y] if y < len(self.rows) else ()
        segments = [Segment(self._clean(text), self._style(style)) for text, style in line if text]
        return Strip(segments).adjust_cell_length(width, base)

    def get_content_width(self, container: Size, viewport: Size) -> int:  # noqa: ARG002 - Textual's signature
        return container.width

    def notify_style_update(self) -> None:
        self._styles.clear()
        super().notify_style_update()

    def _clean(self, text: str) -> str:
        text = visible(text)
        return to_ascii(text) if self.ascii else text

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self.get_component_rich_style(f"surface--{name}")
        return style
