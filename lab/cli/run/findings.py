"""What only the whole journal of a run shows, at its end: shapes side by side, curves, what held, what faults cost."""

from __future__ import annotations

from collections.abc import Sequence

from lab.cli.output import out, paint, table
from lab.cli.run import curves
from lab.journal.budget import budget, words
from lab.journal.event import Event
from lab.journal.invariants import invariants
from lab.journal.query import read
from lab.journal.shapes import Shapes, shapes
from lab.locale import tr
from lab.runtime.runs import RunRecord, load
from lab.system.model import System


def tell(record: RunRecord) -> None:
    """Print what of this the run's system and scenario ask for. The journal may be long: it is read once."""
    system, events = load(record.folder).system, list(read(record.journal))
    _side_by_side(system, events)
    curves.tell(events, record.folder)
    if "invariants" in system.panels:
        _promised(events)
    if "budget" in system.panels:
        _costs(events)


def _side_by_side(system: System, events: Sequence[Event]) -> None:
    """What differs between the shapes of a system that shows several."""
    names = shapes(system)
    if "shapes" not in system.panels or len(names) < 2:
        return
    found = Shapes()
    for event in events:
        found.apply(event)
    out()
    lines = found.lines(system, 0.0)
    table(("", *names), [(line.label, *line.values.values()) for line in lines if line.values])
    for name in names:
        if drawing := [line.label for line in lines if line.of == name]:
            out()
            out(paint(tr("Who imports whom in {shape} (● through a face, ! around it):", shape=name), "title"))
            for text in drawing:
                out(f"  {text}")


def _promised(events: Sequence[Event]) -> None:
    """Whether what must hold did."""
    if not (verdicts := invariants(events).verdicts()):
        return
    out()
    rows = [(tr(one.name), str(one.checked), str(one.broke), str(one.owed)) for one in verdicts]
    table(("WHAT MUST HOLD", "CHECKED", "BROKE", "OWED"), rows, {2: ["bad" if one.broke else "" for one in verdicts]})


def _costs(events: Sequence[Event]) -> None:
    """What each fault cost visitors."""
    found = budget(events)
    if not found.faults:
        return
    out()
    rows = [
        (one.text, str(one.requests), str(one.failed), str(one.slow), f"{found.percent(one.bad):.0f}%")
        for one in found.faults
    ]
    table(
        ("FAULT", "ASKED", "FAILED", "SLOW", "SPENT"), rows, {4: ["bad" if one.bad else "good" for one in found.faults]}
    )
    out(words(found))
