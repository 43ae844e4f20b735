"""The last words of a process."""

from __future__ import annotations

import re
from collections import deque

LINES = 20
"""Last lines that are kept."""
CAUSE = re.compile(r"(?:panic|fatal error): |Exception in thread ")
"""How the line begins that says why a process ended, where the stacks of all its threads may follow."""
AFTER = 5
"""Lines that are kept with the cause."""


class Tail:
    """The last lines that a process wrote; before them the cause of its end, if the stacks below it are longer."""

    def __init__(self) -> None:
        self._cause: list[str] = []
        self._last: deque[str] = deque(maxlen=LINES)

    def append(self, line: str) -> None:
        if len(self._last) == LINES:
            leaving = self._last[0]
            if CAUSE.match(leaving):
                self._cause = [leaving]
            elif 0 < len(self._cause) <= AFTER:
                self._cause.append(leaving)
        self._last.append(line)

    def forget_cause(self) -> None:
        """A new life has begun: what ended the one before explains nothing of it."""
        self._cause.clear()

    def lines(self) -> tuple[str, ...]:
        return (*self._cause, *self._last)
