"""RunPicture: the fold of a run's events into a picture of the run.

It is pure: time comes from the events (`t`), so a recorded run folds to the same picture at any speed. Memory is
bounded: totals are exact, lists keep what is recent.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from typing import Any

from lab.journal.ending import ending
from lab.journal.event import FAILED, TRAFFIC, Check, EngineState, Event, FaultChange, Flow, Load, Log, Note, Process
from lab.journal.picture.entity import EntityPicture
from lab.journal.picture.fault import FaultPicture
from lab.journal.picture.link import LinkPicture
from lab.journal.picture.process import GONE, REMOVED, ProcessPicture
from lab.journal.picture.summary import FaultSummary, LinkSummary, Summary
from lab.journal.picture.verdict import Verdicts
from lab.journal.standing import Change, Standing, sighted
from lab.system.entity import Entity, Mood, mood
from lab.system.model import Service, System

TOLD = ("scenario", "question", "answer", "hint")
"""The topics of what is said to the reader while it happens."""
RECENT_NOTES = 100
RECENT_ENTITIES = 2_000
RECENT_FAULTS = 500
HISTORY = 32
"""States of one entity that are kept."""


class RunPicture:
    """`apply` every event in order and read the attributes. With a System, its parts exist before their first event."""

    def __init__(self, system: System | None = None) -> None:
        self.now = 0.0
        self.seq = 0
        self.flow_count = 0
        self.skipped = 0
        """Events that are missing between those applied, by the gaps in `seq`."""
        self.links: dict[str, LinkPicture] = {}
        self.processes: dict[str, ProcessPicture] = {}
        self.faults: dict[str, FaultPicture] = {}
        self.entities: dict[tuple[str, str], EntityPicture] = {}
        """By kind and id, in the order of their last change."""
        self.entity_counts: dict[str, Counter[str]] = {}
        self.declared: tuple[Entity, ...] = system.entities if system is not None else ()
        """What the System says of the states of entities; see `mood`."""
        self._standing = Standing(sighted(system) if system is not None else ())
        self.verdicts = Verdicts(self.declared)
        """What faults did to all that."""
        self.checks: dict[str, Check] = {}
        """In a grading: the latest check of each behaviour by its id, in the order in which the checks began."""
        self.check: Check | None = None
        """The last of them."""
        self.load: Load | None = None
        self.notes: deque[Note] = deque(maxlen=RECENT_NOTES)
        self.blind = False
        """Whether something is disturbed that the scenario does not tell, because its reader is to find it."""
        self._apply: dict[type[Any], Callable[[Any], None]] = {
            Flow: self._flow,
            Log: self._log,
            Process: self._process,
            EngineState: self._engine,
            FaultChange: self._fault,
            Load: self._load,
            Note: self._note,
            Check: self._check,
        }
        if system is not None:
            self._expect(system)

    def mood(self, entity: str, state: str) -> Mood:
        """How to take that such an entity is in this state."""
        return mood(self.declared, entity, state)

    def apply(self, event: Event) -> None:
        """Take one event in. Events come in the order of their `seq`."""
        if event.t > self.now:
            self.now = event.t
        seq = event.seq
        if seq > self.seq:
            if self.seq and seq > self.seq + 1:
                self.skipped += seq - self.seq - 1
            self.seq = seq
        self._apply[type(event)](event)
        if (change := self._standing.take(event)) is not None:
            self._changed(change)
            self.verdicts.changed(change)
        self.verdicts.apply(event)

    def apply_all(self, events: Iterable[Event]) -> None:
        for event in events:
            self.apply(event)

    def copy(self) -> RunPicture:
        """The picture as it is now; what is applied to either later changes only that one."""
        other = RunPicture()
        other.declared = self.declared
        other.now, other.seq, other.flow_count, other.skipped = self.now, self.seq, self.flow_count, self.skipped
        other.links = {name: link.copy() for name, link in self.links.items()}
        other.processes = {name: process.copy() for name, process in self.processes.items()}
        other.faults = {name: fault.copy() for name, fault in self.faults.items()}
        other.entities = dict(self.entities)
        other.entity_counts = {kind: counts.copy() for kind, counts in self.entity_counts.items()}
        other._standing, other.verdicts = self._standing.copy(), self.verdicts.copy()
        other.checks, other.check = dict(self.checks), self.check
        other.load, other.blind = self.load, self.blind
        other.notes.extend(self.notes)
        return other

    def active_faults(self) -> list[FaultPicture]:
        return [fault for fault in self.faults.values() if not fault.ended]

    def instances(self, service: Service) -> list[ProcessPicture]:
        """The processes of the service that there are, in the order of their numbers."""
        found = [process for process in self.processes.values() if service.is_instance(process.name)]
        return sorted(found, key=lambda process: (len(process.name), process.name))

    def named(self, system: System, name: str) -> list[ProcessPicture]:
        """What a name stands for: a process, or the instances of a service that there are."""
        service = system.service(name)
        if service is not None and service.name == name:
            return self.instances(service)
        return [self.processes[name]] if name in self.processes else []

    def narration(self) -> Note | None:
        """The last line of narration, if there was one."""
        return next((note for note in reversed(self.notes) if note.topic in TOLD), None)

    @property
    def asked(self) -> Note | None:
        """The question of the scenario that waits for a prediction."""
        told = [note for note in self.notes if note.topic in ("question", "prediction", "answer")]
        return told[-1] if told and told[-1].data.get("waits") else None

    def failure(self) -> str:
        """Why the run as a whole failed, in the runtime's own words; empty if it did not."""
        return ending(self.notes).reason

    def summary(self) -> Summary:
        links = []
        for link in self.links.values():
            p50, p99 = link.spread.overall(0.5, 0.99)
            links.append(LinkSummary(link.id, link.protocol, link.flows, link.errors, dict(link.outcomes), p50, p99))
        faults = (
            FaultSummary(f.id, f.kind, f.text, f.owner, f.victims, f.ended or "active") for f in self.faults.values()
        )
        return Summary(
            elapsed=self.now,
            flows=self.flow_count,
            links=tuple(links),
            entities={kind: dict(+counts) for kind, counts in self.entity_counts.items()},
            faults=tuple(faults),
            restarts={p.name: p.restarts for p in self.processes.values() if p.restarts},
            load=self.load,
        )

    def _expect(self, system: System) -> None:
        for engine in system.engines:
            self.processes[engine.name] = ProcessPicture(engine.name, role="engine")
        for service in system.services:
            for instance in service.instances:
                self.processes[instance] = ProcessPicture(instance, role=service.role)
        for link in system.links:
            self.links[link.id] = LinkPicture(link.id, link.protocol)

    def _flow(self, flow: Flow) -> None:
        self.flow_count += 1
        link = self.links.get(flow.link)
        if link is None:
            link = self.links[flow.link] = LinkPicture(flow.link, flow.protocol)
        link.flows += 1
        link.bytes += flow.bytes
        link.outcomes[flow.outcome] += 1
        t = flow.t
        role = flow.role
        if flow.ms is not None and role != "connection":  # how long one lived is no latency
            link.spread.add(flow.ms, t)
        if flow.outcome in FAILED:
            link.failures.add(t)
        if role in TRAFFIC:
            link.meter.add(t)
            if flow.back:
                link.back += 1
            else:
                link.there += 1
        if role == "delivery" or role == "subscribe":
            link.consumes = True
        for ident in flow.faults:
            if flow.correlation and (fault := self.faults.get(ident)) is not None:
                fault.strikes(flow.correlation)

    def _log(self, log: Log) -> None:
        if log.event == "breaker":
            process = self._known(log.source)
            process.breakers[str(log.data.get("name", ""))] = str(log.data.get("state", ""))

    def _changed(self, change: Change) -> None:
        kind, ident, state = change.kind, change.ident, change.state
        counts = self.entity_counts.setdefault(kind, Counter())
        known = self.entities.pop((kind, change.formerly or ident), None)
        if known is None:
            known = EntityPicture(kind, ident, "", change.t, change.t)
            if len(self.entities) >= RECENT_ENTITIES:
                del self.entities[next(iter(self.entities))]
        elif known.state != state:
            counts[known.state] -= 1
        since, history = known.since, known.history
        if known.state != state:
            counts[state] += 1
            since, history = change.t, (*history, (change.t, state))[:HISTORY]
        self.entities[kind, ident] = EntityPicture(
            kind,
            ident,
            state,
            since,
            known.born,
            source=change.source,
            correlation=change.correlation or known.correlation,
            reason=change.reason or known.reason,
            history=history,
        )

    def _note(self, note: Note) -> None:
        self.notes.append(note)
        self.blind = self.blind or bool(note.data.get("hides"))

    def _known(self, name: str) -> ProcessPicture:
        process = self.processes.get(name)
        if process is None:
            process = self.processes[name] = ProcessPicture(name)
        return process

    def _process(self, event: Process) -> None:
        if event.state == REMOVED:
            self.processes.pop(event.source, None)
            return
        process = self._known(event.source)
        if event.state and event.state != process.state:
            process.state, process.since = event.state, event.t
        process.reason = event.reason
        process.restarts = max(process.restarts, event.restarts)
        if event.pid is not None or event.state in GONE:
            process.pid = event.pid
        process.code = event.code
        if event.tail:
            process.tail = event.tail

    def _engine(self, event: EngineState) -> None:
        process = self._known(event.source)
        process.role = "engine"
        process.tier = event.tier or process.tier

    def _fault(self, event: FaultChange) -> None:
        fault = self.faults.get(event.id)
        if fault is None:
            if len(self.faults) >= RECENT_FAULTS:
                self._drop_oldest_fault()
            fault = FaultPicture(
                event.id,
                event.fault,
                event.aim,
                event.links,
                event.text,
                event.owner,
                event.t if event.since is None else event.since,
                event.duration,
            )
            self.faults[event.id] = fault
        fault.victims = max(fault.victims, event.victims)
        self.blind = self.blind and event.since is None
        if event.change == "hit":
            fault.hits.append(event.detail)
        elif event.change in ("healed", "expired"):
            over = "done" if event.change == "expired" and fault.duration is None else event.change
            fault.ended, fault.until = over, event.t

    def _drop_oldest_fault(self) -> None:
        oldest = next((fault.id for fault in self.faults.values() if fault.ended), next(iter(self.faults)))
        del self.faults[oldest]

    def _check(self, event: Check) -> None:
        self.check = self.checks[event.behaviour] = event

    def _load(self, event: Load) -> None:
        self.load = event
