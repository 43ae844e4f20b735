"""The end of a plain run: what happened, in figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.cli.output import out, paint, span, table
from lab.cli.run import findings
from lab.faults.catalogue import toll
from lab.journal.picture.run import RunPicture
from lab.journal.picture.summary import LinkSummary
from lab.journal.plain import MARKS
from lab.journal.telling import MOODS, milliseconds
from lab.journal.visible import visible
from lab.locale import tr

if TYPE_CHECKING:
    from lab.runtime.runs import RunRecord


def summarise(picture: RunPicture, record: RunRecord) -> None:
    """Print flows per link with p50 and p99, errors, entities by last state, faults, restarts, and where to look on."""
    summary = picture.summary()
    out()
    asked = record.options
    played = tr(", scenario {scenario}", scenario=asked.scenario) if asked.scenario else ""
    out(
        paint(
            tr(
                "Run {id}: {span}, {flows} exchanges, seed {seed}{played}",
                id=record.id,
                span=span(summary.elapsed),
                flows=summary.flows,
                seed=asked.seed,
                played=played,
            ),
            "title",
        )
    )
    rows = [_link(link) for link in summary.links if link.flows]
    table(("LINK", "SEEN", "P50", "P99", "ERRORS"), rows, {0: ["name"] * len(rows)})
    for line in _lines(picture):
        out(line)
    findings.tell(record)
    out()
    for line in _told(picture, record):
        out(line)
    if picture.entity_counts:
        out(paint(tr("The story of one order: lab trace --run {id}", id=record.id), "dim"))
    out(paint(tr("To see it again: lab replay --run {id}", id=record.id), "dim"))


def _told(picture: RunPicture, record: RunRecord) -> Iterator[str]:
    """What the scenario asked and what was seen, and how to go on from it."""
    from lab.course import days

    answers = [note for note in picture.notes if note.topic == "answer"]
    if answers:
        yield paint(tr("What was asked, and what was seen:"), "title")
    for note in answers:
        yield f"{MARKS[note.data.get('right')]} {note.text}"
    if not record.options.scenario and record.system in days.names() and (first := days.find(record.system).first):
        yield tr("A scenario tells a story: {command}", command=f"lab run {record.system} --scenario {first}")
    over = next((note for note in picture.notes if note.topic == "scenario" and note.data.get("over")), None)
    if over is None:
        return
    if answers and not record.options.predict:
        yield tr("With --predict the scenario waits for your own answer before each fault.")
    if following := over.data.get("next"):
        yield tr("To play next: {command}", command=f"lab run {record.system} --scenario {following}")
    elif record.system in days.names():
        yield tr("To play next: {command}", command=f"lab days {record.system}")


def _link(link: LinkSummary) -> tuple[str, ...]:
    others = ", ".join(f"{count} {tr(name)}" for name, count in link.outcomes.items() if name != "ok")
    errors = str(link.errors) if not others or set(link.outcomes) <= {"ok", "error"} else f"{link.errors} ({others})"
    return (
        link.id,
        str(link.flows),
        "-" if link.p50 is None else milliseconds(link.p50),
        "-" if link.p99 is None else milliseconds(link.p99),
        errors,
    )


def _lines(picture: RunPicture) -> Iterator[str]:
    summary = picture.summary()
    engines = [f"{process.name} {process.tier}" for process in picture.processes.values() if process.tier]
    if engines:
        yield tr("Engines: {engines}", engines=", ".join(engines))
    for kind, states in summary.entities.items():
        yield (
            tr("{entity}s", entity=visible(kind)).capitalize()
            + ": "
            + ", ".join(
                paint(visible(f"{count} {state}"), MOODS[picture.mood(kind, state)]) for state, count in states.items()
            )
        )
    if summary.entities and picture.declared:
        fate = picture.verdicts
        yield tr(
            "Of these: {waiting} still under way, {late} late, {lost} lost, {doubled} doubled",
            waiting=len(fate.waiting),
            late=fate.late,
            lost=fate.lost(picture.now),
            doubled=fate.doubled,
        )
    if summary.load:
        load = summary.load
        left = load.sent - load.ok - load.failed
        under_way = tr(", {left} under way at the end", left=left) if left else ""
        dropped = (
            tr("; {dropped} journeys not begun, too many were under way", dropped=load.dropped) if load.dropped else ""
        )
        yield tr(
            "Load: {sent} requests, {ok} ok, {failed} failed{under_way}{dropped}",
            sent=load.sent,
            ok=load.ok,
            failed=load.failed,
            under_way=under_way,
            dropped=dropped,
        )
    for fault in summary.faults:
        yield tr(
            "Fault {id} by {owner}: {text}; {toll}, {ended}",
            id=fault.id,
            owner=visible(fault.owner),
            text=visible(fault.text),
            toll=toll(fault.kind, fault.victims),
            ended=tr(fault.ended),
        )
    for name, count in summary.restarts.items():
        yield tr("Restarts: {name} {count}", name=name, count=count)
