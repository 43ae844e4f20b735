"""Which flows and log lines make a story: one rule, for `lab trace` and for the evidence of a grading."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from lab.journal.event import PREPARING, REBALANCE, Event, Flow, Log
from lab.system.model import CLIENT

ACCESS = "http"
"""Event of the log line that a service writes for each request; the wire has shown the request already."""
LOUD = ("warning", "error", "critical")
AROUND = 0.5
"""Seconds before and after a story in which what happened to its processes still belongs to it."""
_SPEAKING = (Flow, Log)
_BETWEEN = re.compile(r"[/ ?&=:]")


def speaks(event: Flow | Log) -> bool:
    """Whether the event is worth a line: a flow that only prepares if it went wrong or has a group rebalance, a log
    line if it says something that the wire did not show."""
    if isinstance(event, Flow):
        return event.role not in PREPARING or event.outcome != "ok" or event.status == REBALANCE
    return event.event != ACCESS or event.level not in ("debug", "info")


def belongs(events: Iterable[Event], idents: Collection[str]) -> list[Flow | Log]:
    """The events that make the story of these ids (of entities, requests or messages), in the order of the journal:
    those that name one of them, those that share a correlation or message id with these, and those `beside` them. Empty
    if nothing names the ids."""
    spoken: list[Flow | Log] = [event for event in events if isinstance(event, _SPEAKING)]
    wanted = {ident for ident in idents if ident}
    named = {event.seq for event in spoken if names(event, wanted)}
    correlations = _correlations([event for event in spoken if event.seq in named], wanted)
    messages = {
        event.message
        for event in spoken
        if isinstance(event, Flow) and (event.seq in named or event.correlation in correlations)
    } - {""}
    own = [
        event
        for event in spoken
        if speaks(event)
        and (
            event.seq in named
            or event.correlation in correlations
            or (isinstance(event, Flow) and event.message in messages)
        )
    ]
    return sorted([*own, *beside(spoken, own)], key=lambda event: event.seq)


def beside(events: Iterable[Event], own: Sequence[Flow | Log]) -> list[Flow | Log]:
    """The events that carry no id and are still part of the story `own`: what its processes asked while they worked on
    nothing else (cache commands), and what happened to them meanwhile (refused connections, breakers, warnings)."""
    if not own:
        return []
    known = {event.seq for event in own}
    began, ended = min(map(_began, own)), max(event.t for event in own)
    actors = {name for event in own for name in (event.source, event.target)} - {CLIENT, ""}
    others: list[Flow | Log] = [
        event
        for event in events
        if isinstance(event, _SPEAKING)
        and (event.source in actors or event.target in actors)
        and event.seq not in known
    ]
    busy = _busy(others, began, ended)
    found: list[Flow | Log] = []
    for event in others:
        if event.source not in actors or not speaks(event):
            continue
        if isinstance(event, Log):
            about = event.event == "breaker" or (event.level in LOUD and not event.correlation)
            if about and began - AROUND <= event.t <= ended + AROUND:
                found.append(event)
        elif not event.correlation and not event.message and began <= event.t <= ended:
            alone = not any(since <= event.t and _began(event) <= until for since, until in busy[event.source])
            if alone or event.role == "connection":
                found.append(event)
    return found


def names(event: Event, idents: Collection[str]) -> bool:
    """Whether the event names one of these ids."""
    if event.correlation in idents:
        return True
    if isinstance(event, Flow):
        if event.message in idents or event.key in idents:
            return True
        op, detail = event.op, event.detail
        for ident in idents:
            if (ident in op or ident in detail) and ident in _BETWEEN.split(f"{op} {detail}"):
                return True
    elif isinstance(event, Log):
        for key, value in event.data.items():
            # A number counts as an id only under a key that says so: small numbers are everywhere.
            if str(value) in idents and (isinstance(value, str) or key.lower().endswith("id")):
                return True
    return False


def _correlations(named: Sequence[Flow | Log], idents: Collection[str]) -> set[str]:
    """The correlation ids of the events that name the ids. An id that is a correlation id itself brings no other one
    in: somebody who asks about it later has a story of their own."""
    given = {event.correlation for event in named} & {*idents}
    return given | {event.correlation for event in named if names(event, {*idents} - given)} - {""}


def _busy(others: Sequence[Flow | Log], began: float, ended: float) -> defaultdict[str, list[tuple[float, float]]]:
    """When each process worked for another story: from a request to its answer, from a delivery to its ack."""
    busy: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    open_since: dict[tuple[str, str, str], float] = {}
    for event in others:
        if not isinstance(event, Flow):
            continue
        holder = (event.source, event.queue, event.message)
        if event.role == "call" and (event.correlation or event.source == CLIENT):
            if event.t >= began and _began(event) <= ended:
                busy[event.target].append((_began(event), event.t))
        elif event.role == "delivery":
            open_since[holder] = event.t
        elif event.role in ("ack", "nack") and not event.back and holder in open_since:
            busy[event.source].append((open_since.pop(holder), event.t))
    for (who, _, _), since in open_since.items():
        busy[who].append((since, ended))
    return busy


def _began(event: Flow | Log) -> float:
    return event.t - (event.ms or 0.0) / 1000 if isinstance(event, Flow) and event.role == "call" else event.t
