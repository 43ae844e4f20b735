"""What Enter opens, as Rows: the pieces of which the panels make their pages. A page wraps them at its own width."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from lab.dashboard import figures
from lab.dashboard.rows import Row, row
from lab.journal.event import Flow, Log
from lab.journal.picture.fault import FaultPicture
from lab.journal.picture.process import ProcessPicture
from lab.journal.picture.verdict import Verdict
from lab.journal.story import NoStory, story
from lab.journal.telling import lines
from lab.locale import tr

if TYPE_CHECKING:
    from lab.dashboard.panel import View

_ROLES = {
    "plain": "text",
    "time": "dim",
    "name": "name",
    "good": "ok",
    "bad": "bad",
    "warn": "warn",
    "dim": "dim",
    "title": "title",
}
LAST_LINES = 20


def story_of(ident: str, view: View) -> list[Row]:
    """The story of this id over all processes, or why there is none."""
    if not ident:
        return [(), row((tr(" It carries no correlation id, so there is no story to tell."), "dim"))]
    try:
        told = story(view.recent(), ident, view.picture.declared)
    except NoStory:
        return [
            (),
            row(
                (
                    tr(
                        " What belongs to {ident} happened too long ago; `lab trace` reads the whole journal.",
                        ident=ident,
                    ),
                    "dim",
                )
            ),
        ]
    return [(), *(((" ", "text"), *((text, _ROLES[role]) for text, role in line)) for line in lines(told))]


def pairs(pairs: Iterable[tuple[str, object]]) -> list[Row]:
    """A row for each name, in the language that is spoken, and value; empty values are left out."""
    return [
        row((f" {name:<14} ", "dim"), (str(value), "text")) for name, value in pairs if value not in ("", None, (), {})
    ]


def fields(flow: Flow) -> list[Row]:
    """Everything that is known of one flow, under the names that the filter knows."""
    skipped = {"kind", "seq", "source", "target"}
    known = {name: value for name, value in msgspec.to_builtins(flow).items() if name not in skipped}
    if "ms" in known:
        known["ms"] = figures.ms(known["ms"])
    return pairs(known.items())


def struck(fault: FaultPicture, view: View) -> list[Row]:
    """What the flows that a fault hit belonged to, the latest first."""
    hit = [entity for entity in view.picture.entities.values() if entity.correlation in fault.struck]
    return pairs(
        (tr("hit"), tr("{entity} {id} is {state}", entity=entity.entity, id=entity.id, state=entity.state))
        for entity in reversed(hit)
    )


def held_up(verdict: Verdict, view: View) -> list[Row]:
    """What a fault held up: the slowest first, then what still waits, and the story of the worst of them."""
    waiting = verdict.waiting if verdict.settled is not None else view.picture.verdicts.under(verdict)
    rows = pairs(
        [
            *(
                (tr("late"), tr("{kind} {ident} took {age}", kind=kind, ident=ident, age=figures.age(took)))
                for took, kind, ident in verdict.slowest
            ),
            *((tr("waiting"), " ".join(key)) for key in sorted(waiting)),
        ]
    )
    worst = next(iter([*sorted(waiting), *((kind, ident) for _, kind, ident in verdict.slowest)]), None)
    return [*rows, *story_of(worst[1], view)] if worst else rows


def of_process(process: ProcessPicture, view: View) -> tuple[str, list[Row]]:
    """All about a process: what it is, how it is, its links and its last lines."""
    system = view.system
    summaries = {service.name: service.summary for service in system.services}
    summaries.update({engine.name: engine.summary for engine in system.engines})
    rows = pairs(
        [
            (tr("what"), tr(summaries.get(process.name, ""))),
            (tr("role"), tr(process.role)),
            (tr("tier"), process.tier),
            (
                tr("state"),
                tr("{state} since {age}", state=tr(process.state), age=figures.age(view.now - process.since)),
            ),
            (tr("why"), process.reason),
            ("pid", process.pid),
            (tr("exit code"), process.code),
            (tr("restarts"), process.restarts or ""),
            *((tr("breaker {name}", name=name), how) for name, how in process.breakers.items()),
        ]
    )
    for link in system.links:
        if process.name in (link.source, link.target):
            rows += pairs([(tr("link"), f"{link.id.replace('->', ' → ')}  {link.protocol}  {tr(link.summary)}")])
    said = (event.message for event in view.recent() if isinstance(event, Log) and event.source == process.name)
    tail = process.tail or tuple(said)[-LAST_LINES:]
    rows += [(), row((tr(" its last lines") if tail else tr(" it has not written a line yet"), "dim"))]
    return process.name, rows + [row((f" {line}", "text")) for line in tail]
