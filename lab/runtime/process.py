"""One process of a run over its whole life: waits for its providers, starts, becomes ready, dies, starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import Callable

import psutil

from lab.journal.event import Process
from lab.runtime.api import ProcessStatus, State
from lab.runtime.logs import LinePipe, Stream, read_lines
from lab.runtime.readiness import Answer
from lab.runtime.spawn import Child, Program, SpawnError
from lab.runtime.yard import Spec, Yard
from lab.system.model import Wait

GRACE = 5.0
"""Seconds between SIGTERM and SIGKILL."""
STEADY = 10.0
"""A process that was ready for so many seconds starts counting its deaths anew."""
DEATHS = 5
"""So many deaths in a row, and it is given up."""
BACKOFF, BACKOFF_CAP = 0.3, 10.0
TAIL = 20
"""Last lines of output that are kept."""
EAGER, PATIENT, CALM = 0.03, 0.25, 1.0
"""Seconds between two probes: just started, after some seconds, and once it is ready."""
TOLD = 5.0
"""Seconds after which a wait that goes on is told again."""
DRAIN = 0.3
"""Seconds to read what a dead process still has in its pipes."""

UP = ("ready", "degraded")


class ActionError(Exception):
    """This cannot be done to this process now; the message says why."""


class ManagedProcess:
    """The life of one process. `live()` runs until `stop()`; the actions may be called at any time in between."""

    def __init__(self, spec: Spec, yard: Yard) -> None:
        self.spec = spec
        self.state: State = "pending"
        self.reason = ""
        self.since = yard.now()
        self.restarts = 0
        self.child: Child | None = None
        self.tail: deque[str] = deque(maxlen=TAIL)
        self.ever_ready = False
        self._yard = yard
        self._stop = asyncio.Event()
        self._again = False
        self._deliberate = ""
        self._deaths = 0
        self._ready_since: float | None = None
        self._began = 0.0
        self._thawed: State = "starting"
        self._ending: asyncio.Task[None] | None = None
        self._pipes: list[LinePipe] = []
        self._meter: psutil.Process | None = None
        self._cpu, self._rss = 0.0, 0

    async def live(self) -> None:
        """Wait, start, watch, start again as the restart policy says; ends after `stop()`."""
        while not self._stop.is_set():
            await self._wait_for_providers()
            await self._wait_for_slow_start()
            if self._stop.is_set():
                break
            if self.spec.program is None:
                await self._watch_only()
                break
            ended, code = await self._one_life(self.spec.program)
            if not self._stop.is_set():
                await self._decide(ended, code)
        self._enter("stopped")

    async def stop(self) -> None:
        """SIGTERM, then after GRACE seconds SIGKILL, to the whole group."""
        self._stop.set()
        self._yard.pulse.beat()
        if self.child:
            self._enter("stopping")
            await self._end(self.child)

    def kill(self, why: str = "") -> None:
        self._die(signal.SIGKILL, why)

    def terminate(self, why: str = "") -> None:
        self._die(signal.SIGTERM, why)

    def freeze(self) -> None:
        """Stop the process where it stands, its descendants too."""
        self._living()
        if self.state == "frozen":
            return
        self._thawed = self.state
        self._signal_tree(signal.SIGSTOP)
        self._enter("frozen", "SIGSTOP")

    def thaw(self) -> None:
        self._living()
        if self.state != "frozen":
            raise ActionError(f"{self.spec.name} is not frozen, it is {self.state}")
        self._signal_tree(signal.SIGCONT)
        self._enter(self._thawed)

    def restart(self) -> None:
        """Have it stopped in the orderly way and started again at once, also after it was given up."""
        if self.spec.program is None:
            raise ActionError(f"{self.spec.name} is not started by the lab")
        if self._stop.is_set():
            raise ActionError(f"{self.spec.name} is stopping")
        self._again = True
        self._yard.pulse.beat()
        if self.child:
            self._enter("stopping", "restart")
            self._ending = asyncio.create_task(self._end(self.child))

    def write(self, line: bytes) -> None:
        """Hand a line to the process' stdin, if it has one and reads it."""
        if self.child and self.child.stdin >= 0:
            with contextlib.suppress(BrokenPipeError, BlockingIOError):
                os.write(self.child.stdin, line + b"\n")

    def measure(self) -> None:
        """Take the processor time and memory since the last call (about once a second)."""
        if self._meter is None:
            return
        try:
            family = [self._meter]
            if self.child and self.spec.role == "engine":
                family += self._meter.children(recursive=True)
            self._cpu = self._meter.cpu_percent()
            self._rss = sum(member.memory_info().rss for member in family)
        except psutil.Error:
            self._cpu, self._rss = 0.0, 0

    def status(self) -> ProcessStatus:
        return ProcessStatus(
            name=self.spec.name,
            role=self.spec.role,
            state=self.state,
            since=round(self.since, 3),
            reason=self._reason(),
            pid=self.child.pid if self.child else None,
            restarts=self.restarts,
            url=self.spec.url(),
            cpu=round(self._cpu, 1),
            rss=self._rss,
            tail=tuple(self.tail),
        )

    def _boot(self) -> str:
        """`RabbitMQ 3.10.8 is booting (10 s; usually 5-24 s)`, told anew every few seconds."""
        if not self.spec.boot:
            return ""
        waited = int((self._yard.now() - self._began) // TOLD * TOLD)
        return f"{self.spec.title} is booting ({waited} s; {self.spec.boot})"

    def _reason(self) -> str:
        if self.state != "pending":
            return self.reason
        return self._waiting_reason(f" (since {self._yard.now() - self.since:.1f} s)") or self.reason

    # -- waiting

    async def _wait_for_providers(self) -> None:
        while not self._stop.is_set() and (reason := self._waiting_reason()):
            self._enter("pending", reason)
            before = self._blockers()
            await self._until(lambda: self._stop.is_set() or self._blockers() != before, TOLD)  # noqa: B023

    def _blockers(self) -> list[tuple[ManagedProcess, State]]:
        """Who keeps it waiting, and how each of them is."""
        peers = [(self._yard.peers[name], wait) for name, wait in self.spec.needs]
        return [(peer, peer.state) for peer, wait in peers if not peer.serves(wait)]

    def _waiting_reason(self, since: str = "") -> str:
        """`waiting for broker (since 2.1 s): port 20123 refuses connections`, or nothing."""
        waiting = [peer for peer, _ in self._blockers()]
        if not waiting:
            return ""
        first, *others = waiting
        why = first.reason if first.reason and first.state in ("starting", "backoff") else first.state
        more = f"; then for {', '.join(other.spec.name for other in others)}" if others else ""
        return f"waiting for {first.spec.name}{since}: {why}{more}"

    def serves(self, wait: Wait) -> bool:
        """Whether somebody who waits in this way need not wait any longer."""
        return wait == "no" or self.state in UP or (wait == "started" and (self.child is not None or self.finished))

    @property
    def finished(self) -> bool:
        """It did what it had to and ended well, as a migration does."""
        return self.state == "stopped" and not self._stop.is_set()

    async def _wait_for_slow_start(self) -> None:
        began = self._yard.now()
        slowed = False
        while not self._stop.is_set() and (delay := self._yard.slow_start(self.spec.name)) > 0:
            slowed = True
            left = began + delay - self._yard.now()
            if left <= 0:
                break
            self._enter("starting", f"slow start: held back for {delay:g} s")
            await self._until(lambda: self._stop.is_set(), min(left, 0.1))
        if slowed:
            self._yard.slowed(self.spec.name)

    # -- one life

    async def _one_life(self, program: Callable[[], Program]) -> tuple[str, int | None]:
        """From start to exit: what happened, in words, and the exit code (None if it could not be started)."""
        self._again, self._deliberate, self._ready_since = False, "", None
        if problem := self.spec.prepare():
            return problem, 1
        self._enter("starting")
        try:
            child = self.child = await self._yard.spawn(program())
        except (SpawnError, OSError) as error:
            return f"cannot start {error}", None
        self._yard.born(self.spec.name, child.pid)
        self._meter = _meter(child.pid)
        self._began = self._yard.now()
        self._enter("starting", self._boot(), always=True)
        self._pipes = [await self._read(child.stdout, "stdout"), await self._read(child.stderr, "stderr")]
        if self._stop.is_set() or self._again:
            self._ending = asyncio.create_task(self._end(child))
        watch = asyncio.create_task(self._watch(child))
        try:
            code = await asyncio.shield(child.exited)
        finally:
            watch.cancel()
        await self._drain()
        if child.stdin >= 0:
            os.close(child.stdin)
        self.child, self._meter = None, None
        self._cpu, self._rss = 0.0, 0
        return _in_words(code, self._deliberate), code

    async def _read(self, fd: int, stream: Stream) -> LinePipe:
        def line(data: bytes) -> None:
            self.tail.append(data.decode("utf-8", "backslashreplace"))
            self._yard.line(self.spec.name, stream, data)

        return await read_lines(fd, line, lambda text: self._yard.notice(self.spec.name, text))

    async def _drain(self) -> None:
        await asyncio.wait([pipe.ended for pipe in self._pipes], timeout=DRAIN)
        for pipe in self._pipes:
            pipe.close()

    async def _watch(self, child: Child) -> None:
        probe = self.spec.probe()
        began = self._yard.now()
        while not child.exited.done():
            if self.state not in ("frozen", "stopping"):
                self._judge(await probe())
            waited = self._yard.now() - began
            await asyncio.sleep(CALM if self.state in UP else EAGER if waited < 5 else PATIENT)

    async def _watch_only(self) -> None:
        """What the lab does not start (a file, a URL) is ready when its probe says so."""
        self._enter("starting")
        probe = self.spec.probe()
        while not self._stop.is_set():
            self._judge(await probe())
            await self._until(lambda: self._stop.is_set(), CALM if self.state in UP else PATIENT)

    def _judge(self, answer: Answer) -> None:
        if self.state not in ("starting", *UP):
            return  # it was frozen or ended while we asked
        if answer.state == "unready" and self.state == "starting":
            self._enter("starting", self._boot() or answer.reason)
        elif answer.state == "unready":
            self._enter("degraded", f"not ready any more: {answer.reason}")
        else:
            self.ever_ready = True
            if self._ready_since is None:
                self._ready_since = self._yard.now()
            self._enter(answer.state, answer.reason)

    # -- the end, and what then

    async def _decide(self, ended: str, code: int | None) -> None:
        """After a death: start again now, start again later, or give up until somebody restarts it by hand."""
        if self._again:
            self.restarts += 1
            return
        failed = code != 0 or bool(self._deliberate)
        if self._ready_since is not None and self._yard.now() - self._ready_since >= STEADY:
            self._deaths = 0
        self._deaths += not self._deliberate
        if code is None:
            self._enter("failed", ended)
        elif self.spec.restart == "never" or (self.spec.restart == "on-failure" and not failed):
            self._enter("failed" if failed else "stopped", ended, code=code)
        elif self._deaths >= DEATHS:
            self._enter("failed", f"{ended}, the {DEATHS}th time in a row", code=code)
        else:
            delay = min(BACKOFF * 2 ** max(0, self._deaths - 1), BACKOFF_CAP)
            self._enter("backoff", f"{ended}; starts again in {delay:g} s", code=code)
            await self._until(lambda: self._stop.is_set() or self._again, delay)
            self.restarts += not self._stop.is_set()
            return
        await self._until(lambda: self._stop.is_set() or self._again)
        self._deaths = 0
        self.restarts += self._again

    async def _end(self, child: Child) -> None:
        self._signal(self.spec.stop)
        self._signal_tree(signal.SIGCONT)
        done, _ = await asyncio.wait([child.exited], timeout=GRACE)
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait([child.exited])

    def _die(self, number: signal.Signals, why: str) -> None:
        self._living()
        self._deliberate = why or "by hand"
        self._signal(number)

    def _living(self) -> None:
        if self.child is None:
            raise ActionError(f"{self.spec.name} has no process now, it is {self.state}")

    def _signal(self, number: signal.Signals) -> None:
        if self.child and not self.child.exited.done():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, number)

    def _signal_tree(self, number: signal.Signals) -> None:
        """The group and descendants that left it (PostgreSQL's sessions do)."""
        self._signal(number)
        if self._meter is None:
            return
        with contextlib.suppress(psutil.Error):
            for descendant in self._meter.children(recursive=True):
                descendant.send_signal(number)

    # -- state

    def _enter(self, state: State, reason: str = "", *, code: int | None = None, always: bool = False) -> None:
        if state == self.state and reason == self.reason and not always:
            return
        if state != self.state:
            self.since = self._yard.now()
        self.state, self.reason = state, reason
        self._yard.emit(
            Process(
                source=self.spec.name,
                state=state,
                pid=self.child.pid if self.child else None,
                code=code,
                reason=reason,
                restarts=self.restarts,
                tail=tuple(self.tail) if state == "failed" else (),
            )
        )
        self._yard.pulse.beat()

    async def _until(self, condition: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait until `condition` holds or the time is up; it is looked at whenever something changed."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await self._yard.pulse.wait()
        except TimeoutError:
            return


def _meter(pid: int) -> psutil.Process | None:
    try:
        return psutil.Process(pid)
    except psutil.NoSuchProcess:
        return None


def _in_words(code: int, by: str) -> str:
    if code < 0:
        ending = (
            f"killed by {signal.Signals(-code).name}" if -code in list(signal.Signals) else f"killed by signal {-code}"
        )
    else:
        ending = f"exited with code {code}"
    return f"{ending} ({by})" if by else ending
