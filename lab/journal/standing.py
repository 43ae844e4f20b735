"""Where the things of the business stand: as services log it, and of what they do not log, as the wire shows it.

A service may say of an order, in a log line whose event is `state`, which state it is in. One that says nothing is
believed by what it does, in the words that all services of the lab use: `POST /orders` answered with 2xx, or a message
`order.created`, begins an order; a message `order.confirmed` has it confirmed. It is known by its correlation id
(X-Request-ID) then, until a log line names it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from lab.journal.event import Event, Flow, Log
from lab.system.entity import Entity, mood
from lab.system.kinds import relays
from lab.system.model import System

REMEMBERED = 4_000

CREATED = "created"
"""The last word of the message that begins something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An entity was told to be, or seen to come, into `state`. `formerly` is the correlation id as which the wire had
    shown it before it had a name."""

    t: float
    kind: str
    ident: str
    state: str
    source: str = ""
    correlation: str = ""
    reason: str = ""
    formerly: str = ""


def sighted(system: System) -> tuple[Entity, ...]:
    """What of the system's entities the wire can show: nothing where no broker carries the messages that end them, for
    then all of them would seem to wait for ever."""
    return system.entities if any(relays(engine.kind) for engine in system.engines) else ()


class Standing:
    """The fold of a run's events into changes. `declared` are the entities that can be `sighted`: of others only logs
    are heeded."""

    def __init__(self, declared: Iterable[Entity] = ()) -> None:
        self._declared = tuple(declared)
        self._begins = {
            f"{entity.name}s": (entity.name, first)
            for entity in self._declared
            if (first := next((state for state, how in entity.states.items() if how == "going-on"), ""))
        }
        """By the last word of the path that makes one: its kind and its first state."""
        self._idents: dict[tuple[str, str], str] = {}
        """By kind and correlation id."""
        self._states: dict[tuple[str, str], str] = {}
        """By kind and id."""

    def take(self, event: Event) -> Change | None:
        """What the event, which comes in the order of its `seq`, changes."""
        if isinstance(event, Flow):
            return self._seen(event) if event.correlation and not event.back else None
        return self._told(event) if isinstance(event, Log) and event.event == "state" else None

    def copy(self) -> Standing:
        other = Standing(self._declared)
        other._idents, other._states = dict(self._idents), dict(self._states)
        return other

    def _told(self, log: Log) -> Change | None:
        kind, ident, state = (str(log.data.get(name, "")) for name in ("entity", "id", "state"))
        if not ident or not state:
            return None
        formerly = ""
        if log.correlation:
            if ident != log.correlation == self._idents.get((kind, log.correlation)):
                formerly = log.correlation
                self._states.pop((kind, formerly), None)
            self._keep(self._idents, (kind, log.correlation), ident)
        self._keep(self._states, (kind, ident), state)
        return Change(
            t=log.t,
            kind=kind,
            ident=ident,
            state=state,
            source=log.source,
            correlation=log.correlation,
            reason=str(log.data.get("reason") or ""),
            formerly=formerly,
        )

    def _seen(self, flow: Flow) -> Change | None:
        if flow.role == "call" and flow.status[:1] == "2" and flow.op.startswith("POST "):
            what = flow.op[5:].partition("?")[0].rstrip("/").rpartition("/")[2]
            return self._begun(flow, *self._begins[what], flow.target) if what in self._begins else None
        if flow.role != "message":
            return None
        kind, _, word = flow.routing_key.rpartition(".")
        if f"{kind}s" not in self._begins:
            return None
        if word == CREATED:
            return self._begun(flow, *self._begins[f"{kind}s"], flow.source)
        ident = self._idents.get((kind, flow.correlation))
        if ident is None or not any(entity.name == kind and word in entity.states for entity in self._declared):
            return None
        state = self._states.get((kind, ident), "")
        if state == word or mood(self._declared, kind, state) != "going-on":
            return None
        return self._change(flow, kind, ident, word, flow.source)

    def _begun(self, flow: Flow, kind: str, state: str, source: str) -> Change | None:
        if (kind, flow.correlation) in self._idents:
            return None
        self._keep(self._idents, (kind, flow.correlation), flow.correlation)
        return self._change(flow, kind, flow.correlation, state, source)

    def _change(self, flow: Flow, kind: str, ident: str, state: str, source: str) -> Change:
        self._keep(self._states, (kind, ident), state)
        return Change(t=flow.t, kind=kind, ident=ident, state=state, source=source, correlation=flow.correlation)

    @staticmethod
    def _keep(known: dict[tuple[str, str], str], key: tuple[str, str], value: str) -> None:
        known[key] = value
        if len(known) > REMEMBERED:
            del known[next(iter(known))]
