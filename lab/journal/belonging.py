"""Which flows and log lines make a story: one rule, for `lab trace` and for the evidence of a grading."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from lab.journal.event import PREPARING, REBALANCE, Event, Flow, Log
from lab.system.model import CLIENT

ACCESS = "http"
"""Event of the log line that a service writes for each request; the wire has shown the request already."""
WRITE = "sql"
"""Event of the log line that a service writes for a transaction that it has committed: no wire shows that."""
LOUD = ("warning", "error", "critical")
BODILESS = ("GET", "HEAD", "DELETE")
AROUND = 0.5
"""Seconds before and after a story in which what happened to its processes still belongs to it."""
By = Literal["id", "word", "alone", "key", "meanwhile"]
"""How one knows that an event is part of a story.

- `id`: it was seen on the wire, or said in a line, with an id of the story.
- `word`: a service says so itself, under the story's id, of what no wire shows: a committed transaction.
- `alone`: it was seen without an id, while its process worked for this story and nobody else had asked it for anything.
- `key`: its process worked for others, too; but its key names an id of this story's request, and each of the other
  requests is known to be about another one.
- `meanwhile`: it happened to the story's processes at that time, to whomever else it may belong.
"""
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
    return [event for event, _ in attributed(events, idents)]


def attributed(events: Iterable[Event], idents: Collection[str]) -> list[tuple[Flow | Log, By]]:
    """The events that make the story of these ids, as `belongs` gives them, each with how one knows."""
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
    found: list[tuple[Flow | Log, By]] = [(event, "word" if _written(event) else "id") for event in own]
    return sorted([*found, *_beside(spoken, own)], key=lambda pair: pair[0].seq)


def beside(events: Iterable[Event], own: Sequence[Flow | Log]) -> list[Flow | Log]:
    """The events that carry no id and are still part of the story `own`: what its processes asked of stores while they
    worked for it (see `By`), and what happened to them meanwhile (refused connections, breakers, warnings)."""
    return [event for event, _ in _beside(events, own)]


def _beside(events: Iterable[Event], own: Sequence[Flow | Log]) -> list[tuple[Flow | Log, By]]:
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
    mine, theirs = _at_work(own, began, ended), _at_work(others, began, ended)
    found: list[tuple[Flow | Log, By]] = []
    for event in others:
        if event.source not in actors or not speaks(event):
            continue
        if isinstance(event, Log):
            about = event.event == "breaker" or (event.level in LOUD and not event.correlation)
            if about and began - AROUND <= event.t <= ended + AROUND:
                found.append((event, "meanwhile"))
        elif not event.correlation and not event.message and began <= event.t <= ended:
            if event.role == "connection":
                found.append((event, "meanwhile"))
            elif by := _by(event, mine[event.source], theirs[event.source]):
                found.append((event, by))
    return found


def _by(flow: Flow, mine: Sequence[_Work], theirs: Sequence[_Work]) -> By | None:
    """How one knows that its process asked this for the story; None if one does not."""
    since = _began(flow)
    around = [work for work in mine if work.since <= since and flow.t <= work.until]
    meanwhile = [work for work in theirs if work.since <= flow.t and since <= work.until]
    if not around:
        return None
    if not meanwhile:
        return "alone"
    ids = _ids(flow.key)
    if any(work.ids and work.ids & ids for work in around) and all(
        work.ids and not work.ids & ids for work in meanwhile
    ):
        return "key"
    return None


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


@dataclass(frozen=True, slots=True)
class _Work:
    """What a process worked on, and the `ids` that it was about as far as they are known for sure: those in the path of
    a request that has no body. None: it may be about anything."""

    since: float
    until: float
    ids: frozenset[str] | None


def _at_work(events: Sequence[Flow | Log], began: float, ended: float) -> defaultdict[str, list[_Work]]:
    """When each process worked on what: from a request to its answer, from a delivery to its ack."""
    work: defaultdict[str, list[_Work]] = defaultdict(list)
    open_since: dict[tuple[str, str, str], float] = {}
    for event in events:
        if not isinstance(event, Flow):
            continue
        holder = (event.source, event.queue, event.message)
        if event.role == "call" and (event.correlation or event.source == CLIENT):
            if event.t >= began and _began(event) <= ended:
                work[event.target].append(_Work(_began(event), event.t, _asked_about(event)))
        elif event.role == "delivery":
            open_since[holder] = event.t
        elif event.role in ("ack", "nack") and not event.back and holder in open_since:
            work[event.source].append(_Work(open_since.pop(holder), event.t, None))
    for (who, _, _), since in open_since.items():
        work[who].append(_Work(since, ended, None))
    return work


def _asked_about(call: Flow) -> frozenset[str] | None:
    method, _, path = call.op.partition(" ")
    return (_ids(path) or None) if method in BODILESS else None


def _ids(text: str) -> frozenset[str]:
    """The words that can be an id: those with a digit in them."""
    return frozenset(word for word in _BETWEEN.split(text) if any(map(str.isdecimal, word)))


def _written(event: Flow | Log) -> bool:
    return isinstance(event, Log) and event.event == WRITE


def _began(event: Flow | Log) -> float:
    return event.t - (event.ms or 0.0) / 1000 if isinstance(event, Flow) and event.role == "call" else event.t
