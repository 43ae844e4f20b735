"""How commands print: data on stdout, messages to the reader on stderr."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TextIO

import typer

from lab.locale import mark, tr

STYLES: dict[str, dict[str, Any]] = {
    "title": {"bold": True},
    "name": {"fg": "cyan"},
    "good": {"fg": "green"},
    "bad": {"fg": "red", "bold": True},
    "warn": {"fg": "yellow"},
    "dim": {"dim": True},
    "time": {"dim": True},
}
MOODS: Mapping[str, str] = {
    "ready": "good",
    "degraded": "warn",
    "pending": "warn",
    "starting": "warn",
    "backoff": "warn",
    "frozen": "warn",
    "failed": "bad",
}
HEADS = (
    mark("LINK"),
    mark("SEEN"),
    mark("ERRORS"),
    mark("RUN"),
    mark("STATE"),
    mark("STARTED"),
    mark("SCENARIO"),
    mark("JOURNAL"),
    mark("PROCESS"),
    mark("REASON"),
    mark("FAULT"),
    mark("HIT"),
    mark("LEFT"),
    mark("BY"),
    mark("KIND"),
    mark("PROPERTIES"),
    mark("TAKES"),
    mark("WHAT THE VICTIM SEES"),
    mark("WHAT"),
    mark("FOR"),
    mark("MEMORY"),
    mark("WHERE AND WHY"),
    mark("QUEUE"),
    mark("NAME"),
    mark("WHAT MUST HOLD"),
    mark("CHECKED"),
    mark("BROKE"),
    mark("OWED"),
    mark("ASKED"),
    mark("FAILED"),
    mark("SLOW"),
    mark("SPENT"),
    mark("ENGLISH"),
    mark("UZBEK"),
    mark("GO"),
)
"""The headings of table columns."""
NARROWEST = 24
"""The least width of a table's last column, however narrow the terminal."""


def say(text: str) -> None:
    """One line to the reader, beside the data."""
    typer.echo(text, err=True)


def out(text: str = "") -> None:
    """One line of data."""
    typer.echo(text)


def leave(code: int) -> NoReturn:
    """End the command at once: all is said and closed, and taking down every module of a screen takes as long as
    loading them."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def coloured(stream: TextIO | None = None) -> bool:
    """Whether colour may be used: the terminal has colours, and NO_COLOR is not set (no-color.org)."""
    stream = stream or sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, role: str) -> str:
    """`text` in the colour of its role, where stdout takes colour."""
    style = STYLES.get(role)
    return typer.style(text, **style) if style and text and coloured() else text


def mood(state: str) -> str:
    """The role of a process' state."""
    return MOODS.get(state, "plain")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], roles: Mapping[int, Sequence[str]] | None = None) -> None:
    """Print columns as wide as their content; in a terminal the last one is wrapped to what is left of the line.

    `roles` gives the colours of a column, one a row. What strangers wrote in it is made visible.
    """
    from lab.journal.visible import visible

    if not rows:
        return
    head = [tr(cell) for cell in head]
    rows = [[visible(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head) - 1)]
    before = sum(widths) + 2 * len(widths)
    room = max(NARROWEST, shutil.get_terminal_size().columns - before - 1) if sys.stdout.isatty() else 0
    out(paint(_line(head[:-1], widths) + head[-1], "dim"))
    for number, row in enumerate(rows):
        cells = [
            paint(cell.ljust(width), roles[column][number] if roles and column in roles else "plain") + "  "
            for column, (cell, width) in enumerate(zip(row, widths, strict=False))
        ]
        last = textwrap.wrap(row[-1], room) if room else [row[-1]]
        out(("".join(cells) + (last[0] if last else "")).rstrip())
        for line in last[1:]:
            out(" " * before + line)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(cell.ljust(width) + "  " for cell, width in zip(cells, widths, strict=True))


def is_screen() -> bool:
    """Whether there is a terminal to draw a dashboard on: all three streams, because the picture goes to stderr, its
    size comes from stdout, and its keys from stdin."""
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return all(stream is not None and stream.isatty() for stream in streams) and os.environ.get("TERM") != "dumb"


def size(count: float) -> str:
    """Bytes as people read them: `9.1 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError


def span(seconds: float) -> str:
    """A time as people read it: `4.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
