"""One line on stderr that says what the command waits for; a terminal redraws it in place."""

from __future__ import annotations

import shutil
import sys
import time
from typing import Self

from lab.cli.output import say

SILENCE = 2.0
"""Seconds after which a wait is mentioned outside a terminal."""


class ProgressLine:
    """Entered during a long wait. Outside a terminal it mentions only long waits, each once."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._draws = sys.stderr.isatty() and not quiet
        self._quiet = quiet
        self._said = ""
        self._shown = False
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def show(self, text: str, *, seconds: float = 0.0) -> None:
        """Show the present step; `seconds` is how long it has lasted."""
        if self._draws:
            room = max(20, shutil.get_terminal_size().columns - 1)
            waited = f" · {seconds:.0f} s" if seconds >= SILENCE else ""
            line = text if len(text + waited) <= room else text[: room - len(waited) - 1] + "…"
            sys.stderr.write(f"\r\x1b[2K{line}{waited}")
            sys.stderr.flush()
            self._shown = True
        elif not self._quiet and seconds >= SILENCE and text != self._said:
            self._said = text
            say(f"  {text}")

    def clear(self) -> None:
        """Clear the line, so that something else can be printed."""
        if self._shown:
            sys.stderr.write("\r\x1b[2K")
            sys.stderr.flush()
            self._shown = False
