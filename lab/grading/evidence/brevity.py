"""Makes a story short: similar lines are counted, and of the rest the most informative stay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from lab.grading.model import Line
from lab.journal.belonging import LOUD

MOST = 14
"""Lines of a story."""
IDENT = re.compile(r"(?<![\w-])(?:\d+|[0-9a-f]{8}[0-9a-f-]*…?|[\w-]*-[\w-]*\d[\w-]*)(?![\w-])", re.IGNORECASE)
"""The parts in which similar messages differ: numbers, UUIDs, `o-17`."""


def shorten(lines: Sequence[Line]) -> list[Line]:
    """At most MOST lines, in their order. Where they are more, similar ones are counted, and gaps between them."""
    return list(lines) if len(lines) <= MOST else _strongest(_fold(lines))


def _fold(told: Sequence[Line]) -> list[Line]:
    """Between two turning points, keep the first of several similar lines and count the rest."""
    lines: list[Line] = []
    stretch: list[Line] = []
    for line in told:
        if line.lane in ("fault", "process") or (line.lane == "log" and line.what.startswith("breaker ")):
            lines += [*_fold_stretch(stretch), line]
            stretch = []
        else:
            stretch.append(line)
    return [*lines, *_fold_stretch(stretch)]


def _fold_stretch(stretch: Sequence[Line]) -> list[Line]:
    groups: dict[tuple[str, ...], list[Line]] = {}
    for line in stretch:
        if "here" not in line.mark:
            groups.setdefault(_sort(line), []).append(line)
    lines: list[Line] = []
    for line in stretch:
        alike = groups.get(_sort(line), []) if "here" not in line.mark else []
        if len(alike) < 3 or line is alike[0]:
            lines.append(line)
        elif line is alike[1]:
            same = {one.what for one in alike}
            what = line.what if len(same) == 1 else IDENT.sub("*", line.what)
            lines.append(replace(line, what=what, result=_answer(line), place="", more=len(alike) - 1))
    return lines


def _sort(line: Line) -> tuple[str, ...]:
    return line.lane, line.who, line.to, IDENT.sub("*", line.what), _answer(line), line.mark


def _answer(line: Line) -> str:
    return IDENT.sub("*", line.result.split(" (")[0]) if line.lane == "log" else line.result.split(" (")[0]


def _strongest(lines: list[Line]) -> list[Line]:
    """The MOST lines that say most, with the gaps between them counted."""
    by_weight = sorted(range(len(lines)), key=lambda index: (-_weight(lines, index), -index))
    for count in range(MOST, 0, -1):
        kept = set(by_weight[:count])
        short = list(_with_gaps(lines, kept))
        if len(short) <= MOST:
            return short
    return []


def _weight(lines: Sequence[Line], index: int) -> int:
    line = lines[index]
    if "here" in line.mark:
        return 9
    if index == 0 or line.mark not in ("", "error") or line.lane == "process":
        return 7
    if line.lane == "fault":
        return 6
    if line.lane == "log":
        return 4 if line.result in LOUD else 3
    return 3 if line.result[:1] == "5" or line.more else 2


def _with_gaps(lines: Sequence[Line], kept: set[int]) -> Iterator[Line]:
    gap: list[Line] = []
    for index, line in enumerate(lines):
        if index in kept:
            if gap:
                yield _gap(gap)
            gap = []
            yield line
        else:
            gap.append(line)
    if gap:
        yield _gap(gap)


def _gap(lines: Sequence[Line]) -> Line:
    if len(lines) == 1:  # it takes no more room than its count
        return lines[0]
    return Line(t=lines[0].t, lane="check", who="", what="", more=sum(line.more or 1 for line in lines))
