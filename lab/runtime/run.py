"""One run: a System becomes processes behind taps, with a journal, faults, load and a control socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from lab.engines import catalog
from lab.engines.recipe import Place
from lab.faults import scenario
from lab.faults.question import Question
from lab.faults.timeline import Scenario, fitted
from lab.journal.event import EngineState, Flow, Load, Note, Queue, from_line
from lab.journal.journal import Journal
from lab.journal.query import read
from lab.journal.window import Measured, Window, window
from lab.locale import tr
from lab.runtime import deaf, predictions, specs
from lab.runtime.api import LoadStatus, RunState, RunStatus, ScaleStatus
from lab.runtime.faults import Faults
from lab.runtime.identity import identity
from lab.runtime.inherited import dropped
from lab.runtime.leftovers import RUNTIME, Pid, Remains, kill_marked, scratch
from lab.runtime.logs import Stream, log_event
from lab.runtime.player import Player
from lab.runtime.ports import Ports
from lab.runtime.predictions import Prediction
from lab.runtime.process import ActionError
from lab.runtime.provisions import Provisions
from lab.runtime.questions import Questions
from lab.runtime.runs import READY, RunFile, write
from lab.runtime.scaling import Scaling
from lab.runtime.spawn import ForkClient
from lab.runtime.supervisor import Supervisor
from lab.runtime.surroundings import Surroundings
from lab.runtime.taps import Taps
from lab.runtime.warmup import ForkServerProcess
from lab.runtime.watchdog import end_within
from lab.runtime.wiring import Wiring
from lab.system.kinds import engine_kinds
from lab.system.model import Service, System
from lab.system.secrets import Hider, known

if TYPE_CHECKING:
    from lab.engines.watch import QueueWatch

TICK = 0.05
"""Seconds between two looks at what is due: the journal's flush, faults whose time is up."""
RATE = 5.0
"""Journeys a second where neither the reader nor the scenario says."""
WAVES = 3
"""So often processes are given their grace one after another at the end: visitors, services, engines."""
END_LIMIT = 30.0
"""Seconds that the end may take besides."""
START_LIMIT = 90.0
"""Seconds that a run which nobody steers may take to become ready."""


class Server(Protocol):
    """Answers at the run's control socket."""

    def start(self) -> None:
        """Listen. Raises OSError."""

    async def close(self) -> None: ...


class Run:
    """Everything that lives during one run. `live()` starts it, waits for `stop()`, and shuts it down cleanly."""

    def __init__(self, folder: Path, file: RunFile, fork_server: ForkServerProcess) -> None:
        self.folder = folder
        self.file = file
        self.options = file.options
        self.state: RunState = "starting"
        self.reason = ""
        self.over = False
        """Nothing more will be journaled."""
        self.journal = Journal(folder / "journal.ndjson")
        self.faults = Faults(lambda: self.system, self.options.seed, self.journal.now, self.journal.append)
        self._scenario = self._find_scenario()
        self.questions = Questions(wait=self.options.predict, emit=self.journal.append, keep=self._keep)
        rates = (self.options.rate, self._scenario.rate if self._scenario else None, RATE)
        self.load = LoadStatus(rate=next(rate for rate in rates if rate is not None))
        self._ports = Ports()
        self._queues: dict[str, QueueWatch] = {}
        self._pids: dict[str, Pid] = {}
        self._paths: list[str] = []
        self._stopped = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._forks = ForkClient(fork_server, self._fork_server_lost)
        self._remember(RUNTIME, os.getpid())
        self._remember("fork server", self._forks.pid)
        self._wiring = self._wire()
        self._deaf = deaf.Deaf(self.system)
        self.faults.files = frozenset(one.id for one in self.system.links if not self._wiring.providers(one))
        self._hider = Hider(secret for told in self._wiring.told() for secret in known(told))
        self._around = Surroundings(
            spawn=self._forks.spawn,
            now=self.journal.now,
            emit=self.journal.append,
            line=self._line,
            hide=self._hider.line,
            notice=self._notice,
            born=self._remember,
            grace=self.options.grace,
            slow_start=self.faults.slow_start,
            slowed=self.faults.slowed,
        )
        self.supervisor = Supervisor(
            specs.specs(self._wiring, self._ports, self._first_load),
            self._around,
            lambda name: self.system.instances(name),
        )
        self.faults.supervisor = self.supervisor
        self.provisions = Provisions(self._wiring, self.supervisor)
        self._taps = Taps(self._wiring, self.faults.plan, self._flow, self.journal.now, self._serves)
        self._scaling = Scaling(
            self._wiring, self._ports, self.supervisor, self._taps, self.faults, self.journal.append, self._spawn
        )

    @property
    def system(self) -> System:
        """As it is now: services may have been scaled."""
        return self._wiring.system

    async def live(self, serve: Callable[[Run, Path], Server]) -> None:
        """Start everything, wait until `stop()`, and end it all. `serve` makes what answers at the run's socket.

        Raises OSError, EngineUnavailable before the start.
        """
        control: Server | None = None
        try:
            await self._begin()
            control = serve(self, Path(self.file.socket))
            control.start()
            await self._stopped.wait()
        finally:
            watchdog = end_within(END_LIMIT + WAVES * self.options.grace, self.folder)
            await self._end()
            if control:
                await control.close()
            self._forget()
            watchdog.cancel()

    def stop(self, reason: str) -> None:
        """Begin to end the run; the first reason is the one that is told."""
        if not self._stopped.is_set():
            self.reason = reason
            self._stopped.set()

    def set_rate(self, rate: float) -> None:
        """Change the load. Raises ActionError if the system has no visitors."""
        if specs.LOAD not in self.supervisor.processes:
            raise ActionError(tr("{name} has no visitors: it declares no journeys", name=self.system.name))
        self.load = replace(self.load, rate=rate)
        self.supervisor.processes[specs.LOAD].write(msgspec.json.encode({"rate": rate}))

    def send(self, journey: str, times: int) -> None:
        """So many visitors at once on a journey. Raises ActionError if there is no such journey."""
        if journey not in (known := [one.name for one in self.system.journeys]):
            raise ActionError(
                tr("there is no journey {journey}; there are {known}", journey=journey, known=", ".join(known))
            )
        self.supervisor.processes[specs.LOAD].write(msgspec.json.encode({"send": journey, "times": times}))

    async def scale(self, name: str, replicas: int) -> ScaleStatus:
        """Have so many instances of a replicated service. Raises Unknown, ActionError."""
        return await self._scaling.scale(name, replicas)

    async def flush(self) -> int:
        """Write down everything that was seen so far; the last event's number. Raises ActionError if it cannot be."""
        for _ in range(2):  # two rounds of the loop: what is in pipes and sockets by now is read first
            await asyncio.sleep(0)
        self.journal.flush()
        if self.journal.error:
            raise ActionError(self.journal.error)
        return self.journal.seq

    async def _measure(self, names: Collection[str], since: float, until: float) -> dict[str, Measured]:
        """What the day's measures of these names see between these seconds of the run. Raises ActionError if there is
        none of a name. The journal is read once for all of them: while it is, the taps have less of the processor."""
        self.journal.flush()
        measures: dict[str, Callable[[Window], Measured]] = {}
        for name in names:
            try:
                measures[name] = resolve_name(f"{self.system.measures}:{name}")
            except (ImportError, AttributeError, ValueError):
                raise ActionError(tr("there is no measure {name}", name=name)) from None

        def look() -> dict[str, Measured]:
            seen = window(self.system, read(self.journal.path), since, until)
            return {name: measure(seen) for name, measure in measures.items()}

        return await asyncio.to_thread(look) if measures else {}

    def _keep(self, question: Question, says: str, seen: str, right: bool) -> None:
        predictions.keep(
            Prediction(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                run=self.file.id,
                system=self.system.name,
                scenario=self.options.scenario,
                question=question.text,
                says=says,
                seen=seen,
                right=right,
            )
        )

    def status(self) -> RunStatus:
        return RunStatus(
            id=self.file.id,
            system=self.system.name,
            title=self.system.title,
            state=self.state,
            elapsed=round(self.journal.now(), 3),
            seed=self.options.seed,
            scenario=self.options.scenario,
            folder=str(self.folder),
            pid=os.getpid(),
            tiers={name: recipe.tier for name, recipe in self._wiring.recipes.items()},
            processes=self.supervisor.status(),
            links=tuple(self._taps.status(link) for link in self.system.links),
            faults=self.faults.status(),
            hides=bool(self.faults.plan.hidden),
            load=self.load,
            started_at=self.file.started_at,
            reason=self.journal.error or self.reason,
        )

    # -- the beginning

    def _find_scenario(self) -> Scenario | None:
        """The scenario that was asked for. Raises InvalidScenario."""
        if not self.options.scenario:
            return None
        system = self.file.system
        if system.scenarios is None:
            raise scenario.InvalidScenario(tr("{name} has no scenarios", name=system.name))
        return fitted(scenario.find(Path(system.scenarios), self.options.scenario), system.settings)

    def _wire(self) -> Wiring:
        """Choose tiers and ports. Raises EngineUnavailable, OSError."""
        recipes = {}
        for engine in self.file.system.engines:
            users = self._users(engine.name)
            data = self.folder / "data" / engine.name
            data.mkdir(parents=True, exist_ok=True)
            place = Place(
                data=data,
                port=self._ports.take,
                users=users,
                python=any(one.module and not one.dir for one in self.file.system.services if one.name in users),
                topics=engine.topics,
                scratch=lambda: scratch(self.folder),
            )
            recipes[engine.name] = catalog.recipe(engine, self.options.tiers, place)
            self._paths += [str(path) for path in recipes[engine.name].paths]
        here = [service for service in self.file.system.services if service.address is None]
        ports = {instance: self._endpoints(service) for service in here for instance in service.instances}
        return Wiring(self.file.system, self.folder, recipes, ports, {})

    def _endpoints(self, service: Service) -> dict[str, int]:
        """The port of each endpoint: the one that the service's own variables fix, or a free one."""
        fixed = {name: service.env.get(variable, "") for name, variable in service.port_variables.items()}
        return {name: int(port) if port.isdecimal() else self._ports.take() for name, port in fixed.items()}

    def _users(self, engine: str) -> tuple[str, ...]:
        """The services that use it."""
        return tuple(dict.fromkeys(link.source for link in self.file.system.links if link.target == engine))

    async def _begin(self) -> None:
        for recipe in self._wiring.recipes.values():
            if recipe.begin:
                await asyncio.to_thread(recipe.begin)
        self._tell("starting", state="starting")
        if names := dropped(os.environ):
            why = tr("a service that needs one is given it by env in its declaration")
            left = tr("variables of your shell that services do not get: {names}", names=", ".join(names))
            self._tell(f"{left}; {why}")
        for name, recipe in self._wiring.recipes.items():
            self.journal.append(EngineState(source=name, tier=recipe.tier, state="chosen", detail=recipe.title))
            if recipe.remains:
                self._tell(f"{name}: {tr(recipe.remains)}")
        await self._taps.open()
        self.supervisor.start(self._task_ended)
        for engine in self.system.engines:
            if watch := engine_kinds()[engine.kind].queues:
                self._probe_queues(engine.name, resolve_name(watch))
        self._spawn(self._tick())
        self._spawn(self._steer())

    def _serves(self, name: str) -> bool:
        return self.supervisor.processes[name].serving

    def _probe_queues(self, name: str, watch: type[QueueWatch]) -> None:
        tier = self._wiring.recipes[name].tier

        def told(queues: dict[str, Queue]) -> None:
            self.journal.append(EngineState(source=name, tier=tier, state="running", queues=queues))

        probe = self._queues[name] = watch(self._wiring.direct(name), told)
        self._spawn(probe.watch())

    # -- while it lives

    async def _tick(self) -> None:
        while True:
            self.journal.flush()
            self.faults.expire()
            await asyncio.sleep(TICK)

    async def _steer(self) -> None:
        """From starting to ready, through the scenario, to the end if there is one."""
        attended = self.options.duration is None and not self.options.unattended
        try:
            async with asyncio.timeout(None if attended else START_LIMIT):
                await self._become_ready(give_up=not attended)
        except TimeoutError:
            self._fail(tr("not ready within {start_limit:g} s", start_limit=START_LIMIT))
        if self.state != "ready":
            self.stop(self.reason)
            return
        if self._scenario:
            player = Player(
                self.faults,
                self.supervisor,
                self.provisions,
                self,
                self.journal.append,
                self.questions,
                self._measure,
                self.journal.now,
            )
            if self.options.unattended and self.options.duration is None:
                await player.play(self._scenario)
                self.stop(tr("the scenario is over"))
                return
            self._spawn(player.play(self._scenario))
        if self.options.duration is not None:
            await asyncio.sleep(self.options.duration)
            self.stop(tr("ran for {duration:g} s", duration=self.options.duration))

    async def _become_ready(self, *, give_up: bool) -> None:
        while waiting := self.supervisor.waiting():
            failed = [process for process in waiting if process.state == "failed"]
            if failed and self.state == "starting":
                self._fail(tr("{name} failed: {reason}", name=failed[0].spec.name, reason=failed[0].reason))
                if give_up:
                    return
            await self._around.pulse.wait()
        self.state, self.reason = "ready", ""
        with contextlib.suppress(OSError):
            (self.folder / READY).touch()
        self._tell("ready", state="ready", seconds=round(self.journal.now(), 3))
        self._spawn(self._tell_deaf())

    async def _tell_deaf(self) -> None:
        await asyncio.sleep(deaf.PATIENCE)
        for name in self._deaf.services:
            words = tr(
                "your {service} has bound no queue to any event, and ours does: what waits there for an answer "
                "(an order for its payment) stays as it is",
                service=name,
            )
            self.journal.append(Note(topic="hint", text=words, level="warning"))

    def _fail(self, reason: str) -> None:
        self.state, self.reason = "failed", reason
        self._tell(reason, level="error", state="failed")

    def _fork_server_lost(self) -> None:
        """Its children died with it, and without it nothing can be started, so the run ends. What had left their
        groups is ended here: nobody else knows it now."""
        kill_marked({str(self.folder)})
        if not self._stopped.is_set():
            self._fail(tr("the fork server died, and every process with it"))
            self.stop(self.reason)

    def _flow(self, flow: Flow) -> None:
        if self._hider:
            flow.op, flow.key, flow.detail = map(self._hider.text, (flow.op, flow.key, flow.detail))
        self.journal.append(self.faults.masked(flow))
        self._deaf.see(flow)
        if probe := self._queues.get(flow.target) or self._queues.get(flow.source):
            probe.learn(flow)

    def _line(self, name: str, stream: Stream, line: bytes) -> None:
        if name == specs.LOAD and stream == "stdout":
            self._load_report(line)
        elif line and not self._is_advice(name, line):
            self.journal.append(log_event(name, stream, line))

    def _is_advice(self, name: str, line: bytes) -> bool:
        recipe = self._wiring.recipes.get(name)
        return recipe is not None and recipe.advice is not None and bool(recipe.advice.search(line))

    def _load_report(self, line: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError):
            event = from_line(line)
            if isinstance(event, Load):
                self.journal.append(event)
                self.load = LoadStatus(rate=event.rate, sent=event.sent, ok=event.ok, failed=event.failed)

    def _notice(self, name: str, text: str) -> None:
        self.journal.append(Note(source=name, topic="log", level="warning", text=text))

    def _first_load(self) -> dict[str, object]:
        return {"seed": self.options.seed, "rate": self.load.rate}

    def _tell(self, text: str, *, level: Literal["info", "error"] = "info", **data: object) -> None:
        self.journal.append(Note(topic="run", text=text, level=level, data=data))

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._fail(tr("the lab itself failed: {error!r}", error=error))
            self.stop(self.reason)
            raise error  # into the runtime's log, with its traceback

    # -- the end

    async def _end(self) -> None:
        """Heal, stop services, then engines, then taps; the journal's last line says that it is over."""
        failed = self.state == "failed"
        self.state = "stopping"
        self._tell(tr("stopping: {reason}", reason=self.reason), state="stopping")
        for task in list(self._tasks):
            task.cancel()
        flusher = asyncio.create_task(self._tick())
        self.faults.end()
        services = [name for service in self.system.services for name in service.instances]
        await self.supervisor.stop([services, [e.name for e in self.system.engines]])
        await self._taps.close()
        for recipe in self._wiring.recipes.values():
            if recipe.end and (left := await asyncio.to_thread(recipe.end)):
                self._tell(left)
        await self._forks.close()
        self._ports.close()
        flusher.cancel()
        self.state = "failed" if failed else "stopped"
        self._tell(tr("stopped: {reason}", reason=self.reason), state=self.state, reason=self.reason)
        self.journal.close()
        self.over = True

    # -- what the next command would have to clean

    def _remember(self, name: str, pid: int) -> None:
        self._pids[name] = Pid(name, pid, identity(pid) or "")
        self._write_remains()

    def _write_remains(self) -> None:
        paths = [self.file.socket, *self._paths]
        with contextlib.suppress(OSError):  # a full disk: the journal says so, and the run goes on
            write(self.folder / "pids.json", Remains(list(self._pids.values()), paths))

    def _forget(self) -> None:
        for path in map(Path, self._paths):
            shutil.rmtree(path, ignore_errors=True)
        socket = Path(self.file.socket)
        if socket.parent != self.folder:
            shutil.rmtree(socket.parent, ignore_errors=True)
        (self.folder / "pids.json").unlink(missing_ok=True)
