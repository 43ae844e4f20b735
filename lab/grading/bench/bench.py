"""The run in which one assignment is graded: the learner's services behind taps, engines, and the grader's own stubs.

One run serves a whole grading. Before each check everything is made fresh: the learner's processes are new, their
databases, the broker and the cache are empty, faults are healed and the stubs behave.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from lab.grading.bench.wait import PATIENCE, must
from lab.grading.checking.expect import CannotTell
from lab.grading.model import Assignment
from lab.locale import tr
from lab.runtime import launch
from lab.runtime.api import ControlError, RunOptions
from lab.runtime.ports import Ports
from lab.system.kinds import engine_kinds
from lab.system.model import CLIENT, System

if TYPE_CHECKING:
    from lab.grading.bench.processes import Processes
    from lab.grading.bench.seen import Seen
    from lab.grading.instruments import Instrument, Opener
    from lab.journal.event import Event
    from lab.neighbours.stub import Stub
    from lab.runtime.client import Control
    from lab.runtime.runs import RunRecord

ENGINES = 120.0
"""Seconds that the engines may take to start."""


class Bench:
    """The live run. `close()` ends it with everything in it."""

    control: Control
    record: RunRecord
    processes: Processes
    seen: Seen
    urls: Mapping[str, str]
    """Where clients reach each process: its tap. The name of a service with replicas means its first instance, and
    `users:grpc` another endpoint than HTTP."""
    direct: Mapping[str, str]
    """The same past every tap."""

    def __init__(self, assignment: Assignment, *, seed: int, tiers: Mapping[str, str]) -> None:
        """Begin the run; see `await_engines` for the rest of its start.

        Raises lab.runtime.launch.LaunchError, lab.engines.recipe.EngineUnavailable, InvalidSystem, OSError.
        """
        from lab.grading.bench.processes import GRACE

        self.assignment = assignment
        self.tiers: dict[str, str] = {}
        self.unhealthy = ""
        """Why the services never came up, once that has happened: later checks need not wait for it again."""
        self.stubs: dict[str, Stub] = {}
        self.instruments: dict[str, Instrument] = {}
        """By the kind of engine that each looks into."""
        self._connected = self._dirty = False
        ports = Ports()
        try:
            addresses = {name: ports.take() for name in assignment.stubs}
            options = RunOptions(seed=seed, tiers=dict(tiers), grace=GRACE, grading=True)
            self._launching = launch.begin(self._system(addresses), options)
            try:
                self._open_stubs(addresses, ports)
            except BaseException:
                launch.release(self._launching.id)
                self._close_stubs()
                raise
        finally:
            ports.close()

    @property
    def events(self) -> list[Event]:
        """Every event of the run so far."""
        return self.seen.events()

    def await_engines(self) -> None:
        """Return when the run is ready for services. Raises lab.runtime.launch.LaunchError, CannotTell."""
        self._connect()
        must(lambda: self.control.run().state != "starting", tr("the engines to start"), ENGINES)
        status = self.control.run()
        if status.state != "ready":
            raise CannotTell(tr("the engines did not start: {reason}", reason=status.reason))
        self.tiers = dict(status.tiers)

    def fresh(self) -> None:
        """Bring everything back to the beginning."""
        if self._dirty:
            self.control.heal()
            self.processes.start_over()
            for instrument in self.instruments.values():
                instrument.start_over()
            for stub in self.stubs.values():
                stub.start_over()
        self._dirty = True
        self.seen.mark()

    def close(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """End the run and wait until it is gone. `meanwhile` is called as soon as it was told to end."""
        if self._connected:
            with contextlib.suppress(ControlError):
                self.processes.kill_all()  # all is said: nobody waits for an orderly end
            with contextlib.suppress(ControlError):
                self.control.stop()
        launch.release(self._launching.id)
        try:
            meanwhile()
        finally:
            self._await_end()

    def _await_end(self) -> None:
        self._launching.ended(PATIENCE)
        if self._connected:
            self.seen.close()
            self.control.close()
        for instrument in self.instruments.values():
            instrument.close()
        self._close_stubs()

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

    def _close_stubs(self) -> None:
        for stub in self.stubs.values():
            stub.close()

    def _connect(self) -> None:
        """Wait for the run to answer, and have the instruments ready by then. Raises LaunchError."""
        from lab.grading.bench.processes import Processes
        from lab.grading.bench.seen import Seen
        from lab.runtime.client import Control

        engines = {engine.name: engine_kinds()[engine.kind] for engine in self.assignment.system.engines}
        try:
            openers: dict[str, Opener] = {
                name: resolve_name(kind.instrument) for name, kind in engines.items() if kind.instrument
            }
        except ImportError:
            self._launching.answer()  # an engine that needs what is missing says how to get it
            raise
        self.record = self._launching.answer()
        self.control = Control(self.record.socket)
        self.processes = Processes(self.control, self.assignment)
        self.seen = Seen(self.control, self.record.journal, self.assignment.process)
        self._connected = True
        status = self.control.run()
        reached = {
            link.id: f"{link.target}:{link.endpoint}" if link.endpoint else link.target
            for link in self.assignment.system.links
            if link.source == CLIENT
        }
        urls = {reached[link.id]: link.url for link in status.links if link.id in reached}
        direct = {process.name: process.url for process in status.processes}
        first = {name: self.assignment.process(name) for name in self.assignment.learners}
        self.urls = urls | {name: urls[process] for name, process in first.items()}
        self.direct = direct | {name: direct[process] for name, process in first.items()}
        for name, opener in openers.items():
            opened = opener(self.direct[name], self.seen.flows, partial(self.processes.restart_engine, name))
            self.instruments[engines[name].name] = opened
