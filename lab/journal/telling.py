"""A Story as lines of words: one layout for plain text and for colour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Literal

from lab.journal.belonging import By
from lab.journal.statuses import FAILED
from lab.journal.story import Step, Story
from lab.journal.visible import visible
from lab.locale import mark, tr
from lab.system.entity import Mood

Tone = Literal["plain", "time", "name", "good", "bad", "warn", "dim", "title"]
Words = list[tuple[str, Tone]]
"""One line as pieces of text, each with what it is; joined they are the plain line."""

INDENT = 2
DEEPEST = 12
"""Levels that are indented; deeper steps stay in that column, so that a long chain fits on a narrow screen."""

KNOWN: Mapping[By, tuple[str, str]] = {
    "word": (mark("own word"), mark("the service says so itself; no tap reads SQL")),
    "alone": (mark("by time"), mark("seen without an id, while nobody else had asked its process for anything")),
    "key": (
        mark("by key"),
        mark("seen without an id; of the requests at work then this one names its key, and the others name other ids"),
    ),
    "meanwhile": (
        mark("meanwhile"),
        mark("it happened to these processes at that time, and may belong to others, too"),
    ),
}
"""How one knows of a step that carries no id of the story: in two words, and in a sentence."""
LOUD = {"lost", "late", "duplicate", "error", "refused"}
MOODS: Mapping[Mood, Tone] = {"good": "good", "bad": "bad", "neutral": "plain", "going-on": "warn"}
BAD = {"lost", "error", "refused", "critical"}
FAILURE = re.compile(r"5\d\d|[A-Z]*ERR|LOADING|returned")
REFUSAL = re.compile("|".join((r"4\d\d|requeued|rejected|nacked|dead-lettered", *FAILED)))


def text(story: Story) -> str:
    """The story as plain text, without a newline at its end."""
    return "\n".join("".join(piece for piece, _ in line).rstrip() for line in lines(story))


def lines(story: Story) -> list[Words]:
    """The heading, then a line for each step: time since the story's beginning, sender and receiver, what, result,
    marks; at the end how one knows of what carries no id."""
    told = [*heading(story), [], *(_line(step, story.began) for step in story.steps), *legend(story.steps)]
    return [[(visible(piece), tone) for piece, tone in line] for line in told]


def heading(story: Story) -> list[Words]:
    """What it is the story of and how it ended; then its correlation ids, how long it took and who took part."""
    title: Words = [(story.entity or story.ident, "title")]
    if story.state:
        reason = f" ({story.reason})" if story.reason else ""
        title.append((tr(" is {state}{reason}", state=story.state, reason=reason), MOODS[story.mood or "neutral"]))
    ids = [ident for ident in story.correlations if ident != story.ident or story.entity]
    about: Words = []
    if len(ids) == 1:
        about += [(tr("correlation id "), "dim"), (ids[0], "plain"), (" · ", "dim")]
    elif ids:
        about += [(tr("{count} correlation ids", count=len(ids)), "dim"), (" · ", "dim")]
    seconds = story.ended - story.began
    about.append((tr("{seconds:.3f} s over {actors}", seconds=seconds, actors=", ".join(story.actors)), "dim"))
    return [title, about]


def legend(steps: Iterable[Step]) -> list[Words]:
    """How one knows that the steps which carry no id of the story belong to it; nothing if all of them do."""
    found = {step.by for step in steps if step.kind not in ("process", "fault")}
    said: list[Words] = [[(f"{tr(KNOWN[by][0])}: {tr(KNOWN[by][1])}", "dim")] for by in KNOWN if by in found]
    return [[], *said] if said else []


def _line(step: Step, began: float) -> Words:
    indent = " " * (INDENT * min(step.depth, DEEPEST))
    line: Words = [(f"{step.t - began:+8.3f}  ", "time"), (indent, "plain")]
    match step.kind:
        case "fault":
            word = tr({"added": "begins", "healed": "is healed", "expired": "ends"}.get(step.result, step.result))
            text = tr("fault {id} {change}: {text}", id=step.who, change=word, text=step.what)
            return [line[0], ("! ", "warn"), (text, "warn")]
        case "process":
            reason = f" ({step.result})" if step.result else ""
            return [
                line[0],
                ("! ", "warn"),
                (step.who, "name"),
                (tr(" is {state}{reason}", state=tr(step.what), reason=reason), "warn"),
            ]
        case "state":
            reason = f" ({step.result})" if step.result else ""
            return [*line, (step.who, "name"), (": ", "dim"), (f"{step.what}{reason}", MOODS[step.mood or "neutral"])]
        case "write":
            done: Words = [(step.who, "name"), (f"  SQL {step.what}", "plain")]
            time: Words = [(f"  {milliseconds(step.ms)}", "dim")] if step.ms is not None else []
            return [*line, *done, *time, *_known(step)]
        case "log":
            level: Words = [(f"{tr(step.mark).upper()} ", "warn")] if step.mark else []
            return [*line, (step.who, "name"), (": ", "dim"), *level, (f'"{step.what}"', "plain"), *_known(step)]
    line += [(step.who, "name"), (" → ", "dim"), (step.to, "name"), (f"  {step.what}", "plain")]
    if step.result:
        line.append((f"  {tr(step.result)}", result_tone(step.result, step.mark)))
    if step.ms is not None:
        line.append((f"  {milliseconds(step.ms)}", "dim"))
    if step.mark:
        line.append(
            (
                f"  {tr(step.mark).upper() if step.mark in LOUD else tr(step.mark)}",
                "bad" if step.mark in BAD else "warn",
            )
        )
    if step.faults:
        line.append((tr("  by fault {faults}", faults=", ".join(step.faults)), "warn"))
    return [*line, *_known(step)]


def _known(step: Step) -> Words:
    return [(f"  ({tr(KNOWN[step.by][0])})", "dim")] if step.by in KNOWN else []


def result_tone(result: str, marks: str) -> Tone:
    """How a result is to be taken that has these marks, with spaces between them.

    5xx, errors, lost and refused are bad; 4xx, what gRPC calls other than OK, messages that were given back and other
    marks are warnings; the rest is good.
    """
    status, found = result.split(" ")[0], {*marks.split()} - {"here"}
    if FAILURE.fullmatch(status) or BAD & found:
        return "bad"
    return "warn" if REFUSAL.fullmatch(status) or found else "good"


def milliseconds(ms: float) -> str:
    """A duration as people read it: `0.42 ms`, `14 ms`, `1.3 s`."""
    if ms >= 1000:
        return f"{ms / 1000:.1f} s"
    return f"{ms:.0f} ms" if ms >= 10 else f"{ms:.2g} ms"
