"""How questions are put in a terminal: texts that fit it, numbers that are typed."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from typing import TYPE_CHECKING

from lab.cli.output import out, paint
from lab.locale import tr

if TYPE_CHECKING:
    from datetime import date

WIDEST = 88


def told(text: str, role: str = "plain", *, first: str = "", rest: str | None = None) -> None:
    """A paragraph, as wide as it reads well; `first` stands before it, and `rest` (else as much space) before its
    other lines."""
    width = min(shutil.get_terminal_size().columns - 1, WIDEST) if sys.stdout.isatty() else WIDEST
    indent = " " * len(first) if rest is None else rest
    wrapped = textwrap.wrap(
        f"{first}{' '.join(text.split())}",
        max(width, len(indent) + 16),
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
        drop_whitespace=True,
    )
    for line in wrapped:
        out(paint(line, role))


def typed(prompt: str, most: int, *, several: bool = False) -> list[int] | None:
    """The number that is typed, or the numbers, from 1 to `most`; None at the end of stdin."""
    while True:
        sys.stdout.write(paint(prompt, "title"))
        sys.stdout.flush()
        try:
            line = sys.stdin.readline()
        except KeyboardInterrupt:
            out()
            raise
        if not line:
            out()
            return None
        if found := numbers(line, most, several=several):
            return found


def numbers(line: str, most: int, *, several: bool) -> list[int]:
    """Those in it, each once; none if it is anything else."""
    given = [int(word) for word in re.split(r"[\s,;]+", line.strip()) if word.isdecimal()]
    whole = re.fullmatch(r"[\d\s,;]*", line.strip()) and all(1 <= number <= most for number in given)
    return sorted(set(given)) if whole and (len(given) == 1 or several) else []


def answer_to(count: int) -> list[int] | None:
    """The number of one of so many answers."""
    return typed(tr("your answer (1 to {count}): ", count=count), count)


def verdict(right: bool) -> None:
    """Whether it was right, on a line of its own."""
    out(paint(tr("Right.") if right else tr("Not that."), "good" if right else "bad"))


def coming(due: date | None) -> None:
    """When what was answered comes back, if it does."""
    if due:
        out(paint(tr("It comes back on {day}.", day=due), "dim"))
