"""A Story as bars in time: a line for each step below its cause, where it began and how long it took.

Time runs from left to right at one scale. Pauses in which nothing of the story happened would squeeze all the rest into
a few cells; so those that are longer than everything that did happen are cut out, and a line stands where they were.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.journal.story import Step, Story
from lab.journal.telling import BAD, MOODS, Tone, Words, heading, legend, milliseconds, result_tone
from lab.journal.visible import visible
from lab.locale import tr

NARROWEST = 60
DEEPEST = 6
RESULT = 15
"""Cells for what came of it, and how long it took."""
PAUSE = "┊"
BARS = {"call": "█", "publish": "▓", "deliver": "▓", "write": "░"}
MOMENT, BROKEN, BESIDE = "◆", "×", "!"


@dataclass(frozen=True, slots=True)
class Axis:
    """Which cell a time falls into. `stretches` are the times between pauses, each with the cell at which it begins."""

    stretches: tuple[tuple[float, float, float], ...]
    cells_a_second: float
    width: int

    def cell(self, t: float) -> int:
        since, until, first = next(
            (stretch for stretch in reversed(self.stretches) if stretch[0] <= t), self.stretches[0]
        )
        inside = (min(max(t, since), until) - since) * self.cells_a_second
        return max(0, min(self.width - 1, int(first + inside)))

    @property
    def pauses(self) -> list[int]:
        """The cells where time was cut out."""
        return [int(first) - 1 for _, _, first in self.stretches[1:]]


def axis(spans: Iterable[tuple[float, float]], width: int) -> Axis:
    """The axis on which these times, each from its beginning to its end, are drawn in so many cells."""
    stretches: list[list[float]] = []
    for since, until in sorted(spans):
        if stretches and since <= stretches[-1][1]:
            stretches[-1][1] = max(stretches[-1][1], until)
        else:
            stretches.append([since, until])
    busy = sum(until - since for since, until in stretches)
    told: list[list[float]] = stretches[:1]
    for since, until in stretches[1:]:
        if since - told[-1][1] > busy and len(told) < width // 6:
            told.append([since, until])
        else:
            told[-1][1] = until
    whole = sum(until - since for since, until in told)
    free = width - 2 * (len(told) - 1)
    scale = (free - len(told)) / whole if whole else 0.0
    first, placed = 0.0, list[tuple[float, float, float]]()
    for since, until in told:
        placed.append((since, until, first))
        first = int(first + (until - since) * scale) + 3
    return Axis(tuple(placed), scale, width)


def waterfall(story: Story, width: int) -> list[Words]:
    """The heading, the axis, then a line for each step, none longer than `width`."""
    width = max(width, NARROWEST)
    label = (width - RESULT - 2) * 11 // 20
    cells = width - RESULT - 2 - label
    steps = [step for step in story.steps if step.kind != "log" or step.mark]
    scale = axis([_span(step) for step in steps], cells)
    seconds = story.ended - story.began
    span = milliseconds(seconds * 1000)
    ruler = _ruler(scale, "0" + span.rjust(cells - 1))
    said = [*_signs(steps, paused=bool(scale.pauses)), *legend(steps)]
    return [
        *_wrapped(heading(story), width),
        [(" " * (label + 1), "plain"), (ruler, "dim")],
        *(_line(step, scale, label, cells) for step in steps),
        *_wrapped(said, width),
    ]


def _wrapped(lines: Iterable[Words], width: int) -> Iterator[Words]:
    for line in lines:
        whole = visible("".join(text for text, _ in line))
        if len(whole) <= width:
            yield [(visible(text), tone) for text, tone in line]
        else:
            yield from ([(part, line[-1][1])] for part in textwrap.wrap(whole, width, subsequent_indent="  "))


def _span(step: Step) -> tuple[float, float]:
    return step.t, step.t + (step.ms or 0.0) / 1000


def _line(step: Step, scale: Axis, label: int, cells: int) -> Words:
    since, until = (scale.cell(t) for t in _span(step))
    row = [PAUSE if cell in scale.pauses else " " for cell in range(cells)]
    row[since : until + 1] = _sign(step) * (until + 1 - since)
    if step.mark in BAD:
        row[until] = BROKEN
    indent = " " * min(step.depth, DEEPEST)
    return [
        (_fit(f"{indent}{_named(step)}", label), "plain"),
        (" ", "plain"),
        ("".join(row), _tone(step)),
        (" ", "plain"),
        (_outcome(step).rjust(RESULT), _tone(step) if step.kind != "write" else "dim"),
    ]


def _sign(step: Step) -> str:
    if step.kind in ("process", "fault"):
        return BESIDE
    return BARS.get(step.kind, MOMENT) if step.ms is not None else MOMENT


def _tone(step: Step) -> Tone:
    if step.kind in ("process", "fault"):
        return "warn"
    if step.kind == "state":
        return MOODS[step.mood or "neutral"]
    if step.kind == "write":
        return "dim"
    return result_tone(step.result, step.mark) if step.result or step.mark else "plain"


_LONG_ID = re.compile(r"\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")


def _named(step: Step) -> str:
    """Who did what to whom, with only the beginning of long ids: a bar's line is short."""
    return _LONG_ID.sub(r"\1…", _words(step))


def _words(step: Step) -> str:
    match step.kind:
        case "fault":
            return step.what
        case "process":
            return f"{step.who}: {tr(step.what)}"
        case "write":
            return f"{step.who} SQL {step.what}"
        case "state" | "log":
            return f"{step.who}: {step.what}"
    if step.kind in ("publish", "deliver"):  # its last word is what it tells of
        return f"{step.who}→{step.to} {step.what.split(' (')[0].split(' ')[-1]}"
    return f"{step.who}→{step.to} {step.what}"


def _outcome(step: Step) -> str:
    """What came of it in a few letters, and how long it took: the time comes first where there is no room for both."""
    time = milliseconds(step.ms) if step.ms is not None else ""
    said = tr(step.mark) if step.mark else tr(step.result) if step.kind == "call" else ""
    room = RESULT - len(time) - 1 if time else RESULT
    return f"{visible(said)[: max(0, room)]} {time}".strip()


def _fit(text: str, width: int) -> str:
    text = visible(text)
    return text.ljust(width) if len(text) <= width else f"{text[: width - 1]}…"


def _ruler(scale: Axis, text: str) -> str:
    row = list(text)
    for cell in scale.pauses:
        if row[cell] == " ":
            row[cell] = PAUSE
    return "".join(row)


def _signs(steps: Sequence[Step], *, paused: bool) -> list[Words]:
    """What the characters of the bars mean, of those that are there."""
    kinds = {step.kind for step in steps if step.ms is not None}
    said = [
        *([f"{BARS['call']} " + tr("call")] if "call" in kinds else []),
        *([f"{BARS['publish']} " + tr("message, until it was answered")] if kinds & {"publish", "deliver"} else []),
        *([f"{BARS['write']} " + tr("transaction")] if "write" in kinds else []),
        *([f"{MOMENT} " + tr("moment")] if any(_sign(step) == MOMENT for step in steps) else []),
        *([f"{PAUSE} " + tr("a pause, cut out")] if paused else []),
    ]
    return [[], [("  ".join(said), "dim")]]
