"""The first frame, written to the terminal as it is: Textual, which draws all others, takes longer to load than the
rest of the command takes together."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from lab.dashboard.glyphs import to_ascii
from lab.dashboard.rows import Row

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?1049l\x1b[?25h"
"""To the terminal's other screen without a cursor, and back."""

LOOKS = {"dim": "2", "strong": "1", "title": "1", "note": "1", "key": "1", "select": "1;7", "alarm": "1;7"}
"""Styles as the terminal's own attributes: colours come with the next frame."""


@contextmanager
def drawn(rows: Sequence[Row], *, ascii: bool) -> Iterator[None]:
    """Show the rows until somebody else draws, and keep what is typed meanwhile. Afterwards the terminal is as it was.

    Without a terminal nothing is shown.
    """
    if not (sys.__stdin__ and sys.__stderr__ and sys.__stdin__.isatty() and sys.__stderr__.isatty()):
        yield
        return
    keyboard = sys.__stdin__.fileno()
    before = termios.tcgetattr(keyboard)
    handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        silent = [*before]
        silent[3] &= ~(termios.ECHO | termios.ICANON)
        termios.tcsetattr(keyboard, termios.TCSANOW, silent)
        _write(ENTER + "".join(f"\x1b[{y};1H{_line(line, ascii)}" for y, line in enumerate(rows, 1)))
        yield
    except BaseException:
        _write(LEAVE)
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        termios.tcsetattr(keyboard, termios.TCSANOW, before)


def _line(line: Row, ascii: bool) -> str:
    shown = ((to_ascii(text) if ascii else text, LOOKS.get(style, "")) for text, style in line)
    return "".join(f"\x1b[0;{look}m{text}" for text, look in shown) + "\x1b[0m"


def _write(text: str) -> None:
    assert sys.__stderr__ is not None
    os.write(sys.__stderr__.fileno(), text.encode(sys.__stderr__.encoding, "replace"))


def _leave(number: int, _: FrameType | None) -> None:
    """As the App does once it is there: the end comes in good order."""
    sys.exit(128 + number)
