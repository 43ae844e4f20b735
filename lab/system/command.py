"""How a command that somebody wrote as one line is started."""

from __future__ import annotations

import re
import shlex

_SHELL = re.compile(r"[|&;<>()$`*?~\n]|^\s*\w+=")
"""What only a shell understands: `cd app && ./serve`, `$HOME`, `GOFLAGS=-race go run .`"""
_QUOTED = re.compile(r"'[^']*'")

_PATIENT = "trap : TERM INT\n"
"""The shell waits for the command that it runs, which gets the signal, too, and may end in its own way."""


def argv(line: str) -> tuple[str, ...]:
    """The words of the line, or the shell that is to run it if it is written for one. Raises ValueError."""
    words = tuple(shlex.split(line))
    return ("/bin/sh", "-c", _PATIENT + line) if _SHELL.search(_QUOTED.sub("", line)) else words
