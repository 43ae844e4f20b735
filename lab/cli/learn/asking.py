"""How questions are put in a terminal: texts that fit it, numbers that are typed."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

from lab.cli.output import out, paint
from lab.locale import language, tr

if TYPE_CHECKING:
    from datetime import date


def told(text: str, role: str = "plain", *, first: str = "") -> None:
    """A paragraph of Markdown, as wide as it reads well, in the colour of the role; `first` stands before it."""
    from lab.cli.learn import lines
    from lab.course import typeset

    page = lines.page()
    page.paragraph(
        typeset.inline(page, " ".join(text.split())),
        first=(typeset.Span(first),) if first else (),
        hang=len(first),
    )
    lines.show(page.lines, role)


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


def to_read(*screens: str) -> None:
    """Where to read of it: the screens of these names, as far as there are any."""
    from lab.course.links import headings

    for name, heading in headings(screens).items():
        told(tr("read: {command}", command=f"lab learn {name}: {heading[language()]}"), "dim")


def coming(due: date | None) -> None:
    """When what was answered comes back, if it does."""
    if due:
        out(paint(tr("It comes back on {day}.", day=due), "dim"))
