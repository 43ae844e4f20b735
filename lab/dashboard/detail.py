"""What Enter opens as Rows: the story of one flow, order or log line over all processes, or all about one part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from lab.dashboard import figures
from lab.dashboard.rows import Row, row, wrap
from lab.faults.catalogue import KINDS, toll
from lab.journal.event import Flow, Log
from lab.journal.picture.entity import EntityPicture
from lab.journal.picture.fault import FaultPicture
from lab.journal.picture.process import ProcessPicture
from lab.journal.picture.queue import QueuePicture
from lab.journal.picture.run import RunPicture
from lab.journal.story import NoStory, story
from lab.journal.telling import lines
from lab.system.links import ends
from lab.system.model import System

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


def about(item: Any, picture: RunPicture, system: System, width: int) -> tuple[str, list[Row]]:
    """A title and the rows that tell all there is about an item of a list or of the map."""
    match item:
        case Flow():
            return f"{item.op}", _fields(item) + _story(item.correlation or item.message, picture)
        case Log():
            return f"{item.source} says", _log(item, width) + _story(item.correlation, picture)
        case EntityPicture():
            return f"{item.entity} {item.id}", _story(item.id, picture)
        case ProcessPicture():
            return item.name, _process(item, picture, system, width)
        case QueuePicture():
            return item.name, _queue(item)
        case FaultPicture():
            return f"fault {item.id}", _fault(item, picture, width)
    return "", []


def _story(ident: str, picture: RunPicture) -> list[Row]:
    if not ident:
        return [(), row((" It carries no correlation id, so there is no story to tell.", "dim"))]
    try:
        told = story(picture.events, ident, picture.declared)
    except NoStory:
        return [
            (),
            row((f" What belongs to {ident} happened too long ago; `lab trace` reads the whole journal.", "dim")),
        ]
    return [(), *(((" ", "text"), *((text, _ROLES[role]) for text, role in line)) for line in lines(told))]


def _pairs(pairs: Iterable[tuple[str, object]]) -> list[Row]:
    return [
        row((f" {name:<14} ", "dim"), (str(value), "text")) for name, value in pairs if value not in ("", None, (), {})
    ]


def _fields(flow: Flow) -> list[Row]:
    skipped = {"kind", "seq", "source", "target"}
    fields = {name: value for name, value in msgspec.to_builtins(flow).items() if name not in skipped}
    if "ms" in fields:
        fields["ms"] = figures.ms(fields["ms"])
    return _pairs(fields.items())


def _log(log: Log, width: int) -> list[Row]:
    said = [row((f" {line}", "text")) for line in wrap(log.message or log.event, width - 2, 12)]
    return said + _pairs([("level", log.level), ("event", log.event), *log.data.items()])


def _process(process: ProcessPicture, picture: RunPicture, system: System, width: int) -> list[Row]:
    summaries = {service.name: service.summary for service in system.services}
    summaries.update({engine.name: engine.summary for engine in system.engines})
    rows = _pairs(
        [
            ("what", summaries.get(process.name, "")),
            ("role", process.role),
            ("tier", process.tier),
            ("state", f"{process.state} since {figures.age(picture.now - process.since)}"),
            ("why", process.reason),
            ("pid", process.pid),
            ("exit code", process.code),
            ("restarts", process.restarts or ""),
            *((f"breaker {name}", how) for name, how in process.breakers.items()),
        ]
    )
    for link in system.links:
        if process.name in (link.source, link.target):
            rows += _pairs([("link", f"{link.id.replace('->', ' → ')}  {link.protocol}  {link.summary}")])
    tail = process.tail or tuple(log.message for log in picture.logs if log.source == process.name)[-20:]
    rows += [(), row((" its last lines" if tail else " it has not said anything yet", "dim"))]
    return rows + [row((f" {line}"[:width], "text")) for line in tail]


def _queue(queue: QueuePicture) -> list[Row]:
    holders = ", ".join(f"{ends(link)[0]} {sum(held.values())}" for (link, _), held in queue.held.open.items() if held)
    return _pairs(
        [
            ("ready", "the broker has not said yet" if queue.ready is None else queue.ready),
            ("unacked", f"{queue.unacked}  {f'({holders})' if holders else ''}"),
            ("consumers", queue.consumers),
            ("delivered", queue.delivered),
            ("again", f"{queue.redelivered} of them were redelivered" if queue.redelivered else ""),
        ]
    )


def _fault(fault: FaultPicture, picture: RunPicture, width: int) -> list[Row]:
    kind = KINDS.get(fault.kind)
    left = fault.remaining(picture.now)
    rows = _pairs(
        [
            ("fault", fault.text),
            ("what", kind.summary if kind else ""),
            ("client sees", kind.promise if kind else ""),
            ("by", fault.owner),
            ("began at", f"{fault.since:.1f} s"),
            ("state", fault.ended or ("until healed" if left is None else f"active, {left:.0f} s left")),
            ("hit", toll(fault.kind, fault.victims) + ("" if fault.ended else " so far")),
        ]
    )
    for hit in fault.hits:
        rows += [row((f" {'':<14} {hit}"[:width], "dim"))]
    return rows
