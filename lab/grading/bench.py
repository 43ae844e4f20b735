"""The run in which one assignment is graded: the learner's services behind taps, engines, and the grader's own stubs.

One run serves a whole grading. Before each check everything is made fresh: the learner's processes are new, their
databases, the broker and the cache are empty, faults are healed and the stubs behave.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING

import psutil

from lab.grading.checking.expect import Attention, CannotTell
from lab.grading.model import Assignment
from lab.journal.event import Event, Flow, Log
from lab.journal.query import Tail, decode
from lab.runtime import launch
from lab.runtime.api import Action, ControlError, ProcessStatus, RunOptions
from lab.runtime.ports import Ports
from lab.system.kinds import engine_kinds
from lab.system.model import CLIENT, System

if TYPE_CHECKING:
    from lab.grading.instruments import Instrument, Opener
    from lab.neighbours.stub import Stub
    from lab.runtime.client import Control
    from lab.runtime.runs import RunRecord

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL."""
PATIENCE = 20.0
"""Seconds that a service may take to become healthy, an engine to come back, a process to end."""
TAIL = 6
"""Last lines of a service that did not start."""
POLL, CALM = 0.01, 0.05
"""Seconds between two looks at what is awaited: at first, and in the end. Each look takes the processor from those who
are looked at."""

REFUSED = "refuses connections"
DEAD = ("stopped", "failed")
UP = ("ready", "degraded")


class Bench:
    """The live run. `close()` ends it with everything in it."""

    control: Control
    record: RunRecord
    urls: Mapping[str, str]
    """Where clients reach each service: its tap."""
    direct: Mapping[str, str]
    """Where each process itself listens, past every tap."""

    def __init__(self, assignment: Assignment, *, seed: int, tiers: Mapping[str, str]) -> None:
        """Begin the run; see `await_engines` for its end.

        Raises lab.runtime.launch.LaunchError, lab.engines.launch.EngineUnavailable, InvalidSystem, OSError.
        """
        self.assignment = assignment
        self.tiers: dict[str, str] = {}
        self.unhealthy = ""
        """Why the services never came up, once that has happened: later checks need not wait for it again."""
        self.stubs: dict[str, Stub] = {}
        self.instruments: dict[str, Instrument] = {}
        """By the kind of engine that each looks into."""
        self.events: list[Event] = []
        self.since = 0
        """Number of the first event of the current check."""
        self._dirty = False
        self._tail: Tail | None = None
        ports = Ports()
        try:
            addresses = {name: ports.take() for name in assignment.stubs}
            options = RunOptions(seed=seed, tiers=dict(tiers), grace=GRACE)
            self._launching = launch.begin(self._system(addresses), options)
            try:
                self._open_stubs(addresses, ports)
            except BaseException:
                launch.release(self._launching.id)
                self._close_stubs()
                raise
        finally:
            ports.close()

    # -- whole runs

    def await_engines(self) -> None:
        """Return when the run is ready for services. Raises lab.runtime.launch.LaunchError, CannotTell."""
        self._connect()
        self._until(lambda: self.control.run().state != "starting", "the engines to start", 120.0)
        status = self.control.run()
        if status.state != "ready":
            raise CannotTell(f"the engines did not start: {status.reason}")
        self.tiers = dict(status.tiers)

    def fresh(self) -> None:
        """Bring everything back to the beginning."""
        if self._dirty:
            self._clean()
        self._dirty = True
        self.mark()

    def mark(self) -> None:
        """Here the story of a check begins."""
        self.since = self.control.flush() + 1

    def close(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """End the run and wait until it is gone. `meanwhile` is called as soon as it was told to end."""
        if self._tail is not None:
            with contextlib.suppress(ControlError):
                for name in self._living():
                    self.control.act(name, "kill")  # all is said: nobody waits for an orderly end
            with contextlib.suppress(ControlError):
                self.control.stop()
        launch.release(self._launching.id)
        try:
            meanwhile()
        finally:
            self._await_end()

    def _await_end(self) -> None:
        self._launching.ended(PATIENCE)
        if self._tail is not None:
            self.read()
            self._tail.close()
            self.control.close()
        for instrument in self.instruments.values():
            instrument.close()
        self._close_stubs()

    # -- processes

    def status(self, name: str) -> ProcessStatus:
        return self.statuses()[name]

    def statuses(self) -> dict[str, ProcessStatus]:
        return {process.name: process for process in self.control.processes()}

    def act(self, name: str, action: Action) -> None:
        """Raises CannotTell if it is a service that has ended by itself, ControlError."""
        try:
            self.control.act(name, action)
        except ControlError:
            status = self.status(name)
            if name not in self._instances() or status.pid is not None:
                raise
            raise CannotTell(f"{name} had ended before it could be asked to {action}: {status.reason}") from None

    def start(self, name: str, env: Mapping[str, str] | None = None, *, wait: bool = True) -> None:
        """Start a service, with `env` over what it is told, and wait until it is healthy. Raises CannotTell."""
        if env is not None:
            self.control.set_environment(name, dict(env))
        self.act(name, "start")
        if wait:
            self.await_healthy([name])

    def await_healthy(self, names: Sequence[str], within: float = PATIENCE) -> None:
        """Raises CannotTell if one of them dies or does not become healthy."""

        def healthy() -> bool:
            statuses = self.statuses()
            for name in names:
                if statuses[name].state in DEAD:
                    raise CannotTell(self._why_not(statuses[name]))
            return all(statuses[name].state in UP for name in names)

        if not self._wait(healthy, f"{' and '.join(names)} to become healthy", within):
            statuses = self.statuses()
            sick = next(statuses[name] for name in names if statuses[name].state not in UP)
            raise CannotTell(self._why_not(sick))

    def await_dead(self, names: Sequence[str], within: float = PATIENCE) -> bool:
        def dead() -> bool:
            statuses = self.statuses()
            return all(statuses[name].pid is None for name in names)

        return self._wait(dead, f"{' and '.join(names)} to end", within)

    # -- what was seen

    def read(self) -> list[Event]:
        """Every event so far, complete up to this call."""
        with contextlib.suppress(ControlError):
            self.control.flush()
        while self._tail and (lines := self._tail.lines()):
            self.events += decode(lines)
        return self.events

    def of_check(self) -> list[Event]:
        """The events of the current check."""
        return [event for event in self.read() if event.seq >= self.since]

    def flows(self) -> list[Flow]:
        return [event for event in self.of_check() if isinstance(event, Flow)]

    def logs(self, service: str) -> list[Log]:
        return [event for event in self.of_check() if isinstance(event, Log) and event.source == service]

    # -- within

    def _system(self, ports: Mapping[str, int]) -> System:
        """The assignment's System with the stubs' addresses in it."""
        services = tuple(
            replace(service, address=f"127.0.0.1:{ports[service.name]}") if service.name in ports else service
            for service in self.assignment.system.services
        )
        return replace(self.assignment.system, services=services)

    def _open_stubs(self, addresses: Mapping[str, int], ports: Ports) -> None:
        from lab.neighbours import open_stub  # like all that is imported late here: while the runtime starts

        for name, port in addresses.items():
            ports.release(port)
            self.stubs[name] = open_stub(name, port=port)

    def _connect(self) -> None:
        """Wait for the run to answer, and have the instruments ready by then. Raises LaunchError."""
        from lab.runtime.client import Control

        engines = {engine.name: engine_kinds()[engine.kind] for engine in self.assignment.system.engines}
        openers: dict[str, Opener] = {
            name: resolve_name(kind.instrument) for name, kind in engines.items() if kind.instrument
        }
        self.record = self._launching.answer()
        self.control = Control(self.record.socket)
        self._tail = Tail(self.record.journal)
        status = self.control.run()
        self.urls = {link.id.partition("->")[2]: link.url for link in status.links if link.id.startswith(f"{CLIENT}->")}
        self.direct = {process.name: process.url for process in status.processes}
        for name, opener in openers.items():
            opened = opener(self.direct[name], self.flows, partial(self._restart, name))
            self.instruments[engines[name].name] = opened

    def _restart(self, name: str) -> None:
        self.act(name, "restart")
        self._until(lambda: self.status(name).state not in UP, f"{name} to go down", PATIENCE)
        self._until(lambda: self.status(name).state in UP, f"{name} to come back", 60.0)

    def _clean(self) -> None:
        self.control.heal()
        living = self._living()
        for name in living:
            with contextlib.suppress(ControlError):  # it ended meanwhile
                self.control.act(name, "kill")
        if not self.await_dead(living):
            raise RuntimeError(f"{', '.join(living)} cannot be killed")
        for name in self._instances():
            self.control.set_environment(name, {})
            self.control.wipe(name)
        self._revive_engines(self.statuses())
        for instrument in self.instruments.values():
            instrument.start_over()
        for stub in self.stubs.values():
            stub.start_over()

    def _instances(self) -> list[str]:
        """The learner's services with their replicas."""
        return [
            instance
            for name in self.assignment.learners
            for instance in (name, *self.assignment.replicas.get(name, ()))
        ]

    def _living(self) -> list[str]:
        statuses = self.statuses()
        return [name for name in self._instances() if statuses[name].pid is not None]

    def _revive_engines(self, statuses: Mapping[str, ProcessStatus]) -> None:
        for engine in self.assignment.system.engines:
            status = statuses[engine.name]
            if status.state == "frozen":
                self.act(engine.name, "thaw")
            elif status.state in DEAD:
                self.act(engine.name, "start")
        for engine in self.assignment.system.engines:
            if not self._wait(lambda: self.status(engine.name).state in UP, f"{engine.name} to come back", 60.0):  # noqa: B023
                raise RuntimeError(f"{engine.name} does not come back")

    def _why_not(self, status: ProcessStatus) -> str:
        said = "".join(f"\n  {line}" for line in status.tail[-TAIL:])
        reason = status.reason or status.state
        if status.pid and (elsewhere := listening(status.pid)) and REFUSED in reason:
            ports = " and ".join(map(str, elsewhere))
            reason += f"; it listens on {ports} instead of the PORT that its environment names"
        return f"{status.name} never became healthy: {reason}" + (f"; its last words:{said}" if said else "")

    def _until(self, probe: Callable[[], bool], awaiting: str, within: float) -> None:
        if not self._wait(probe, awaiting, within):
            raise CannotTell(f"waited {within:g} s for {awaiting}")

    def _wait(self, probe: Callable[[], bool], awaiting: str, within: float) -> bool:
        began = time.monotonic()
        while not probe():
            waited = time.monotonic() - began
            if waited > within:
                return False
            Attention.waiting(awaiting, waited)
            time.sleep(min(POLL + waited / 10, CALM))
        return True

    def _close_stubs(self) -> None:
        for stub in self.stubs.values():
            stub.close()


def listening(pid: int) -> list[int]:
    """The TCP ports on which the process and its descendants accept connections, as far as the system tells."""
    ports: set[int] = set()
    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        for process in (leader, *leader.children(recursive=True)):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    ports.add(connection.laddr.port)
    return sorted(ports)
