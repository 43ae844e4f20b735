"""The story of one order, request or message: what every process did for it, when, and what caused it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

from lab.journal.belonging import AROUND, WRITE, By, attributed
from lab.journal.event import Event, FaultChange, Flow, Log, Process, Role
from lab.journal.standing import Change, Standing
from lab.locale import tr
from lab.system.entity import Entity, Mood, mood

What = Literal["call", "publish", "deliver", "settle", "write", "log", "state", "process", "fault"]

WHAT: dict[Role, What] = {"message": "publish", "delivery": "deliver", "ack": "settle", "nack": "settle"}
"""What a flow is in a story, by its role; any other is a `call`."""

NOTHING_KNOWN: Mapping[int, By] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened. `t` is its beginning in seconds since the run's start, `depth` how far down the chain
    of causes it stands. `who` did it, `to` whom (empty for what a process did by itself); `mark` is the outcome
    where it is not `ok` (`lost`, `duplicate` ...), `redelivered` where the broker says so, and `again` where the broker
    does not, although the same message went there before: its sender sent it twice. `by` is how one knows that it is
    part of the story."""

    seq: int
    t: float
    kind: What
    who: str
    what: str
    to: str = ""
    result: str = ""
    ms: float | None = None
    mark: str = ""
    faults: tuple[str, ...] = ()
    depth: int = 0
    by: By = "id"
    mood: Mood | None = None
    """For a state: whether it is good or bad."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """The steps in the order in which they began. `state` is the last state of `entity` that is known, and `mood`
    whether it is good or bad."""

    ident: str
    entity: str = ""
    state: str = ""
    mood: Mood | None = None
    reason: str = ""
    correlations: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    actors: tuple[str, ...] = ()
    began: float = 0.0
    ended: float = 0.0


class NoStory(LookupError):
    """Nothing in the journal belongs to this id."""


def story(events: Iterable[Event], ident: str, declared: Sequence[Entity] = ()) -> Story:
    """What belongs to `ident`, which is an entity's id (an order's), a correlation id or a message id. `declared` are
    the System's entities.

    Raises NoStory if there is nothing.
    """
    events = list(events)
    found = attributed(events, [ident])
    own = [event for event, _ in found]
    steps = chain(own, declared, {event.seq: by for event, by in found})
    if not steps:
        raise NoStory(ident)
    links = {event.link for event in own} - {""}
    correlations = {event.correlation for event in own} - {""}
    began, ended = min(step.t for step in steps), max(event.t for event in own)
    actors = tuple(dict.fromkeys(name for step in steps for name in (step.who, step.to) if name))
    around = list(_around(events, set(actors), links, began - AROUND, ended + AROUND))
    last = _last_change(own, ident, declared)
    return Story(
        ident=ident,
        entity=f"{last.kind} {last.ident}".strip() if last else "",
        state=last.state if last else "",
        mood=mood(declared, last.kind, last.state) if last else None,
        reason=last.reason if last else "",
        correlations=tuple(sorted(correlations)),
        steps=tuple(sorted([*steps, *around], key=lambda step: (step.t, step.seq))),
        actors=actors,
        began=began,
        ended=ended,
    )


def entities(events: Iterable[Event], declared: Sequence[Entity] = ()) -> dict[str, tuple[str, str]]:
    """Every entity whose state a service reported or the wire shows: id -> (entity, last state), the latest last."""
    found: dict[str, tuple[str, str]] = {}
    standing = Standing(declared)
    for event in events:
        if (change := standing.take(event)) is not None:
            found.pop(change.formerly or change.ident, None)
            found[change.ident] = change.kind, change.state
    return found


def idents(events: Iterable[Event]) -> list[str]:
    """Every id that `story` accepts, once, in the order of appearance."""
    found: dict[str, None] = {}
    for event in events:
        if event.correlation:
            found[event.correlation] = None
        if isinstance(event, Flow) and event.message:
            found[event.message] = None
        elif isinstance(event, Log) and event.event == "state":
            found[str(event.data.get("id", ""))] = None
    found.pop("", None)
    return list(found)


def _last_change(events: Iterable[Event], ident: str, declared: Sequence[Entity]) -> Change | None:
    """Of the entities under one correlation id the one that was reported last matters."""
    standing = Standing(declared)
    changes = [change for event in events if (change := standing.take(event)) is not None]
    return next((change for change in reversed(changes) if ident in (change.ident, change.correlation)), None)


# -- one event, one step ----------------------------------------------------------------------------------------------


def _flow_step(flow: Flow) -> Step:
    who, to = (flow.target, flow.source) if flow.back else (flow.source, flow.target)
    kind, what = WHAT.get(flow.role, "call"), flow.op
    if flow.role == "delivery":
        what = f"deliver {flow.routing_key or flow.key or flow.queue}".strip()
        if flow.queue and flow.queue != flow.routing_key:
            what += tr(" (queue {queue})", queue=flow.queue)
    elif flow.role == "message" and flow.routing_key not in what:
        what += f" {flow.routing_key}"
    mark: str = "" if flow.outcome == "ok" else flow.outcome
    if flow.redelivered and kind == "deliver" and not mark:
        mark = "redelivered"
    return Step(
        seq=flow.seq,
        t=flow.t - (flow.ms or 0.0) / 1000 if kind == "call" else flow.t,
        kind=kind,
        who=who,
        to=to,
        what=what,
        result=flow.status,
        ms=flow.ms,
        mark=mark,
        faults=flow.faults,
    )


def _log_step(log: Log, declared: Sequence[Entity]) -> Step:
    if log.event == "state":
        entity, ident, state = (str(log.data.get(key, "")) for key in ("entity", "id", "state"))
        what = tr("{entity} {id} is {state}", entity=entity, id=ident, state=state).strip()
        reason = str(log.data.get("reason") or "")
        how = mood(declared, entity, state)
        return Step(seq=log.seq, t=log.t, kind="state", who=log.source, what=what, result=reason, mood=how)
    if log.event == WRITE:
        ms = took if isinstance(took := log.data.get("ms"), int | float) else None
        what = _rows(log.data.get("writes")) or log.message
        return Step(
            seq=log.seq, t=log.t - (ms or 0.0) / 1000, kind="write", who=log.source, what=what, ms=ms, by="word"
        )
    mark = log.level if log.level in ("warning", "error", "critical") else ""
    return Step(seq=log.seq, t=log.t, kind="log", who=log.source, what=log.message, mark=mark)


SIGNS = {"insert": "+", "update": "~", "delete": "-"}


def _rows(writes: object) -> str:
    """The rows of each table that a transaction has inserted (+), changed (~) or deleted (-), as the service says."""
    said = [one for one in writes if isinstance(one, dict)] if isinstance(writes, list) else []
    return ", ".join(f"{one.get('table')} {SIGNS.get(str(one.get('act')), '?')}{one.get('rows')}" for one in said)


def _around(events: Iterable[Event], actors: set[str], links: set[str], since: float, until: float) -> Iterator[Step]:
    """The faults that were active on the story's links and processes, and what happened to its processes meanwhile."""
    standing: set[str] = set()
    faults: list[Step] = []
    for event in events:
        if event.t > until:
            break
        if isinstance(event, FaultChange) and event.change != "hit":
            step = Step(
                seq=event.seq,
                t=event.t,
                kind="fault",
                who=event.id,
                what=event.text,
                result=event.change,
                by="meanwhile",
            )
            if event.change == "added" and event.concerns(actors, links):
                standing.add(event.id)
                faults.append(step)
            elif event.id in standing:
                if event.t < since:  # it was over before the story began
                    faults = [fault for fault in faults if fault.who != event.id]
                else:
                    faults.append(step)
        elif isinstance(event, Process) and event.source in actors and event.t >= since:
            yield Step(
                seq=event.seq,
                t=event.t,
                kind="process",
                who=event.source,
                what=event.state,
                result=event.reason,
                by="meanwhile",
            )
    yield from faults


# -- what caused what -------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Arrival:
    """A process got a call or a message to work on; it is finished `until` then."""

    at: str
    since: float
    until: float
    depth: int


def chain(
    events: Sequence[Flow | Log], declared: Sequence[Entity] = (), by: Mapping[int, By] = NOTHING_KNOWN
) -> list[Step]:
    """The steps that these flows and log lines make, in the order in which they began, each one level below its cause.
    `declared` are the System's entities; `by` says of an event's seq how one knows that it is part of the story.

    A confirm or an ack that went well is not a step of its own: it becomes the result of the step that it answers.
    """
    steps = [
        (_flow_step(event), event) if isinstance(event, Flow) else (_log_step(event, declared), None)
        for event in events
    ]
    told: list[Step] = []
    arrivals: list[_Arrival] = []
    published: dict[str, int] = {}
    unconfirmed: defaultdict[tuple[str, str], deque[int]] = defaultdict(deque)
    delivered: defaultdict[tuple[str, str, str], deque[tuple[int, _Arrival]]] = defaultdict(deque)
    """What waits for its answer, the oldest first: one message may be published and delivered more than once."""
    left: set[tuple[str, ...]] = set()
    """Which messages were delivered from which queue, or published where."""

    def cause(who: str, t: float) -> int:
        before = [arrival for arrival in arrivals if arrival.at == who and arrival.since <= t]
        going_on = [arrival for arrival in before if arrival.until >= t]
        last = max(going_on or before, key=lambda arrival: arrival.since, default=None)
        return last.depth + 1 if last else 0

    for step, flow in sorted(steps, key=_beginning):
        depth = cause(step.who, step.t)
        if flow is None:
            pass
        elif step.kind == "deliver":
            if flow.message in published:
                depth = told[published[flow.message]].depth + 1
            arrivals.append(_Arrival(step.to, step.t, float("inf"), depth))
            if flow.message and not step.mark and (flow.message, flow.queue) in left:
                step = replace(step, mark="again")
            left.add((flow.message, flow.queue))
            open_ = delivered[flow.message, flow.source, flow.queue]
            if step.mark == "redelivered":  # the broker has taken back what it had delivered
                open_.clear()
            open_.append((len(told), arrivals[-1]))
        elif step.kind == "publish":
            sent = (flow.message, flow.link, flow.exchange, flow.routing_key)
            if flow.message and not step.mark and sent in left:
                step = replace(step, mark="again")
            left.add(sent)
            published[flow.message] = len(told)
            unconfirmed[flow.message, flow.source].append(len(told))
        elif step.kind == "settle":
            asked = None
            if flow.back:  # the broker answers the publisher
                waiting = unconfirmed[flow.message, flow.source]
                if waiting:  # what it returns it confirms as well
                    asked = waiting.popleft() if flow.role == "ack" else waiting[0]
            elif open_ := delivered[flow.message, flow.source, flow.queue]:
                asked, arrival = open_.popleft()
                arrival.until = step.t
            if asked is not None:
                depth = told[asked].depth + 1
                if flow.role == "ack" and not step.mark and not step.faults:
                    told[asked] = replace(told[asked], result=step.result, ms=(step.t - told[asked].t) * 1000)
                    continue
        else:
            arrivals.append(_Arrival(step.to, step.t, step.t + (step.ms or 0.0) / 1000, depth))
        told.append(replace(step, depth=depth, by=by.get(step.seq, step.by)))
    return told


def _beginning(pair: tuple[Step, Flow | None]) -> tuple[float, float, int]:
    """Sorts by beginning; of two calls that began together, the longer one is the cause."""
    step, _ = pair
    return step.t, -(step.ms or 0.0) if step.kind == "call" else 0.0, step.seq
