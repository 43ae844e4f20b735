"""Pages: a screen of Rows over the run's screen, to be read and scrolled: the help, the story of one order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen

from lab.dashboard.keys import Key
from lab.dashboard.rows import Row, broken, row
from lab.dashboard.surface import Surface
from lab.locale import tr

LEGEND = (
    ("●  ●", tr("messages under way: more dots for a higher rate; the exact rate stands beside")),
    ("✕", tr("an error answer, a lost message, a cut wire")),
    ("◉  ◌", tr("a message that arrives twice; a late one")),
    ("─ ╌ ━", tr("HTTP; messages through a broker; Redis")),
    (tr("╌ box"), tr("an external system, simulated by the lab")),
    ("╰─db─╯", tr("the service has a database file of this name, which needs no wire")),
    ("!latency", tr("a fault on this wire; it heals after 30 s, or when the same key is pressed again")),
    ("unacked", tr("delivered to a consumer that has not acknowledged yet")),
    (tr("odd signs?"), tr("start with LAB_ASCII=1 to draw everything in plain characters")),
)

WIDTHS: list[tuple[int, str]] = [(0, "-narrow"), (100, "-wide")]
"""On a narrow screen what lies over it takes all of its width: beside it there would be ends of words only."""


class Pages(ModalScreen[None]):
    """Shows `rows` under a title, broken where they are too long; arrows scroll, any of Esc, Enter, q and ? closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,enter,q,question_mark", "dismiss", "Close"),
        ("up,k", "scroll(-1)", "Up"),
        ("down,j", "scroll(1)", "Down"),
        ("pageup", "page(-1)", "Page up"),
        ("pagedown,space", "page(1)", "Page down"),
        ("home", "scroll(-100000)", "Start"),
        ("end", "scroll(100000)", "End"),
    ]
    HORIZONTAL_BREAKPOINTS = WIDTHS
    DEFAULT_CSS = """
    Pages {
        align: center middle;
        background: $background 40%;
        & > #page { width: 94%; height: 90%; background: $surface; }
        &.-narrow > #page { width: 100%; }
    }
    """

    def __init__(self, title: str, rows: Sequence[Row], *, ascii: bool = False) -> None:
        super().__init__()
        self._title = title
        self._whole = list(rows)
        self._rows: list[Row] = []
        """As they are broken at the page's width."""
        self._ascii = ascii
        self._first = 0

    def compose(self) -> ComposeResult:
        yield Surface(id="page", ascii=self._ascii)

    def on_mount(self) -> None:
        self.call_after_refresh(self._draw)

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def action_scroll(self, by: int) -> None:
        self._first = max(0, min(self._first + by, len(self._rows) - self._room))
        self._draw()

    def action_page(self, by: int) -> None:
        self.action_scroll(by * self._room)

    @property
    def _room(self) -> int:
        return max(1, self.query_one("#page", Surface).size.height - 3)

    def _draw(self) -> None:
        page = self.query_one("#page", Surface)
        width = page.size.width
        self._rows = [part for line in self._whole for part in broken(line, max(20, width - 1))]
        shown = self._rows[self._first : self._first + self._room]
        below = len(self._rows) - self._first - len(shown)
        more = tr("  ↓ {below} more", below=below) if below > 0 else ""
        head = row((f" {self._title} ".ljust(width), "select"))
        blank: list[Row] = [()] * (self._room - len(shown))
        page.show([head, *shown, *blank, (), row((tr(" Esc closes · arrows scroll"), "dim"), (more, "key"))])


def help_rows(keys: Sequence[Key]) -> list[Row]:
    """The key table as a page."""
    rows: list[Row] = []
    for group in dict.fromkeys(key.group for key in keys):
        rows += [(), row((f" {tr(group)}", "title"))]
        for key in keys:
            if key.group == group:
                rows.append(row((f"   {key.shown:<8}", "key"), (f"{key.name:<13}", "strong"), (key.help, "text")))
    rows += [(), row((tr(" reading the map"), "title"))]
    rows += [row((f"   {sign:<12}", "key"), meaning) for sign, meaning in LEGEND]
    return rows[1:]
