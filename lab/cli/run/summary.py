"""The end of a plain run: what happened, in figures."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lab.cli.output import out, paint, span, table
from lab.faults.catalogue import toll
from lab.journal.picture.run import RunPicture
from lab.journal.picture.summary import LinkSummary
from lab.journal.telling import MOODS, milliseconds

if TYPE_CHECKING:
    from lab.runtime.runs import RunRecord


def summarise(picture: RunPicture, record: RunRecord) -> None:
    """Print flows per link with p50 and p99, errors, entities by last state, faults, restarts, and where to look on."""
    summary = picture.summary()
    out()
    asked = record.options
    played = f", scenario {asked.scenario}" if asked.scenario else ""
    out(
        paint(
            f"Run {record.id}: {span(summary.elapsed)}, {summary.flows} exchanges, seed {asked.seed}{played}", "title"
        )
    )
    rows = [_link(link) for link in summary.links if link.flows]
    table(("LINK", "SEEN", "P50", "P99", "ERRORS"), rows, {0: ["name"] * len(rows)})
    for line in _lines(picture):
        out(line)
    out(paint(f"Again: lab replay {record.id}    One order: lab trace --run {record.id}", "dim"))


def _link(link: LinkSummary) -> tuple[str, ...]:
    others = ", ".join(f"{count} {name}" for name, count in link.outcomes.items() if name != "ok")
    errors = str(link.errors) if not others or others == f"{link.errors} error" else f"{link.errors} ({others})"
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
        yield f"Engines: {', '.join(engines)}"
    for kind, states in summary.entities.items():
        yield f"{kind.capitalize()}s: " + ", ".join(
            paint(f"{count} {state}", MOODS[picture.mood(kind, state)]) for state, count in states.items()
        )
    if summary.load:
        load = summary.load
        left = load.sent - load.ok - load.failed
        under_way = f", {left} under way at the end" if left else ""
        dropped = f"; {load.dropped} journeys not begun, too many were under way" if load.dropped else ""
        yield f"Load: {load.sent} requests, {load.ok} ok, {load.failed} failed{under_way}{dropped}"
    for fault in summary.faults:
        yield f"Fault {fault.id} by {fault.owner}: {fault.text}; {toll(fault.kind, fault.victims)}, {fault.ended}"
    for name, count in summary.restarts.items():
        yield f"Restarts: {name} {count}"
