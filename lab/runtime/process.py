"""One process of a run over its whole life: waits for its providers, starts, becomes ready, dies, starts again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from lab.journal.event import Process
from lab.locale import tr
from lab.runtime.api import ProcessStatus, State
from lab.runtime.blockers import blockers, why
from lab.runtime.family import Family
from lab.runtime.logs import Stream
from lab.runtime.output import Output
from lab.runtime.readiness import Answer
from lab.runtime.spawn import Child, Program, SpawnError, in_words
from lab.runtime.surroundings import Peer, Spec, Surroundings
from lab.runtime.tail import Tail
from lab.system.model import Wait

STEADY = 10.0
"""A process that was ready for so many seconds starts counting its deaths anew."""
DEATHS = 5
"""So many deaths in a row, and it is given up."""
BACKOFF, BACKOFF_CAP = 0.3, 10.0
EAGER, PATIENT, CALM = 0.01, 0.25, 1.0
"""Seconds between two probes: of what has just started (and a tenth of its age), at most, and once it is ready."""
TOLD = 5.0
"""Seconds after which a wait that goes on is told again."""
WEIGHED = 0.25
"""Seconds between two looks at the memory of a process that may use only so much."""
MIB = 1 << 20

UP = ("ready", "degraded")
ENDS = ("stopping", "stopped", "backoff", "failed")


class ActionError(Exception):
    """This cannot be done to this process now; the message says why."""


class ManagedProcess:
    """The life of one process. `live()` runs until `end()`; the actions may be called at any time in between."""

    def __init__(self, spec: Spec, around: Surroundings) -> None:
        self.spec = spec
        self.state: State = "pending"
        self.reason = ""
        self.since = around.now()
        self.restarts = 0
        self.child: Child | None = None
        self.tail = Tail()
        self.ever_ready = False
        self._around = around
        self._over = False
        self._wanted = spec.start == "with-run"
        self._again = False
        self._deliberate = False
        self._cause = ""
        self._doomed = False
        self._deaths = 0
        self._ready_since: float | None = None
        self._began = 0.0
        self._thawed: State = "starting"
        self._hidden = False
        """Whether it is frozen and nobody is to be told, so that it is not asked how it is either."""
        self._ending: asyncio.Task[None] | None = None
        self._family: Family | None = None
        self._declines = False

    async def live(self) -> None:
        """Wait, start, watch, start again as the restart policy says; ends after `end()`."""
        while not self._over:
            if not self._wanted:
                self._enter("stopped", self.reason or tr("starts on request"))
                await self._until(lambda: self._over or self._wanted)
            await self._wait_for_providers()
            await self._wait_for_slow_start()
            if self._halted():
                continue
            if self.spec.program is None:
                await self._watch_only()
                break
            ended, code = await self._one_life(self.spec.program)
            if not self._over:
                await self._decide(ended, code)
        self._enter("stopped")

    async def end(self) -> None:
        """The run is over: SIGTERM, then after the run's grace SIGKILL, to the whole group."""
        self._over = True
        self._around.pulse.beat()
        if self.child:
            self._enter("stopping")
            await self._end(self.child)

    def retire(self, why: str) -> None:
        """It gets nothing to do any more and is not started again; `end()` follows when it has finished."""
        self._over = True
        self._signal(signal.SIGCONT)
        if self.child:
            self._enter("stopping", why)
        self._around.pulse.beat()

    def start(self) -> None:
        """Have it started at once if it is dead, whatever the restart policy says."""
        self._ours()
        if self.child and not (self.state == "stopping" or self._doomed):
            raise ActionError(tr("{name} is alive already, it is {state}", name=self.spec.name, state=tr(self.state)))
        self._wanted = self._again = True
        if self.child is None:
            self._enter("pending")  # at once: who sees it stopped from now on knows that it has ended again
        self._around.pulse.beat()

    def stop(self) -> None:
        """Have it ended in the orderly way; it stays stopped until somebody starts it."""
        self._ours()
        self._wanted = self._again = False
        if self.child:
            self._enter("stopping", tr("stopped on request"))
            self._ending = asyncio.create_task(self._end(self.child))
        else:
            self._enter("stopped", tr("stopped on request"))

    def kill(self, by: str = "") -> None:
        """SIGKILL it with all its descendants."""
        self._living()
        self._deliberate, self._cause, self._doomed = True, by or tr("by hand"), True
        self._signal(signal.SIGKILL)

    def terminate(self, by: str = "") -> None:
        """SIGTERM its group, and see what it does."""
        family = self._living()
        self._deliberate, self._cause = True, by or tr("by hand")
        family.signal_group(signal.SIGTERM)

    def freeze(self, *, hidden: bool = False) -> None:
        """Stop the process where it stands, its descendants too. If that is `hidden`, only who asks the process
        notices."""
        self._living()
        if self.state == "frozen":
            return
        self._signal(signal.SIGSTOP)
        self._hidden = hidden
        if not hidden:
            self._thawed = self.state
            self._enter("frozen", "SIGSTOP")

    @property
    def stands_still(self) -> bool:
        """Whether it is frozen, told or not."""
        return self._hidden or self.state == "frozen"

    def thaw(self) -> None:
        self._living()
        if self._hidden:
            self._hidden = False
            self._signal(signal.SIGCONT)
            return
        if self.state != "frozen":
            raise ActionError(tr("{name} is not frozen, it is {state}", name=self.spec.name, state=tr(self.state)))
        self._signal(signal.SIGCONT)
        self._enter(self._thawed)

    def restart(self) -> None:
        """Have it stopped in the orderly way and started again at once, also after it was given up."""
        self._ours()
        self._wanted = self._again = True
        self._around.pulse.beat()
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
        if self._family:
            self._family.measure()

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
            cpu=round(self._family.cpu, 1) if self._family else 0.0,
            rss=self._family.rss if self._family else 0,
            tail=self.tail.lines(),
            mine=self.spec.mine,
        )

    def _boot(self) -> str:
        """`RabbitMQ 3.10.8 is booting (10 s; usually 5-24 s)`, told anew every few seconds."""
        if not self.spec.boot:
            return ""
        waited = int((self._around.now() - self._began) // TOLD * TOLD)
        return tr("{title} is booting ({waited} s; {boot})", title=self.spec.title, waited=waited, boot=self.spec.boot)

    def _reason(self) -> str:
        if self.state != "pending":
            return self.reason
        return why(self._blockers(), tr(" (since {now:.1f} s)", now=self._around.now() - self.since)) or self.reason

    # -- waiting

    async def _wait_for_providers(self) -> None:
        while not self._halted() and (waiting_for := self._blockers()):
            self._enter("pending", why(waiting_for))
            await self._until(lambda: self._halted() or self._blockers() != waiting_for, TOLD)

    def _blockers(self) -> list[tuple[Peer, State]]:
        return blockers(self.spec, self._around)

    def serves(self, wait: Wait) -> bool:
        """Whether somebody who waits in this way need not wait any longer."""
        return wait == "no" or self.state in UP or (wait == "started" and (self.child is not None or self.finished))

    @property
    def serving(self) -> bool:
        """Whether it is to be sent requests: it is up, and did not say of itself that it is not ready."""
        return self.state in UP and not self._declines

    @property
    def finished(self) -> bool:
        """It did what it had to and ended well, as a migration does."""
        return self.state == "stopped" and not self._halted()

    @property
    def due(self) -> bool:
        """Whether the run waits for it to become ready."""
        return self._wanted and not (self.ever_ready or self.finished)

    def _halted(self) -> bool:
        return self._over or not self._wanted

    async def _wait_for_slow_start(self) -> None:
        began = self._around.now()
        slowed = False
        while not self._halted() and (delay := self._around.slow_start(self.spec.name)) > 0:
            slowed = True
            left = began + delay - self._around.now()
            if left <= 0:
                break
            self._enter("starting", tr("slow start: held back for {delay:g} s", delay=delay))
            await self._until(self._halted, min(left, 0.1))
        if slowed:
            self._around.slowed(self.spec.name)

    # -- one life

    async def _one_life(self, program: Callable[[], Program]) -> tuple[str, int | None]:
        """From start to exit: what happened, in words, and the exit code (None if it could not be started)."""
        self._again = self._deliberate = self._doomed = self._hidden = False
        self._cause, self._ready_since = "", None
        self.tail.forget_cause()
        if problem := self.spec.prepare():
            return problem, 1
        self._enter("starting")
        try:
            child = self.child = await self._around.spawn(program())
        except (SpawnError, OSError) as error:
            return tr("cannot start {error}", error=error), None
        self._around.born(self.spec.name, child.pid)
        family = self._family = Family(child.pid)
        self._began = self._around.now()
        self._enter("starting", self._boot(), always=True)
        output = Output(self._wrote, self._note, self.spec.output)
        await output.read(child)
        if self._halted() or self._again:  # somebody asked for its end while it was being started
            self._enter("stopping")
            self._ending = asyncio.create_task(self._end(child))
        watches = [asyncio.create_task(self._watch(child))]
        if self.spec.memory is not None:
            watches.append(asyncio.create_task(self._weigh(family, self.spec.memory)))
        try:
            code = await asyncio.shield(child.exited)
        finally:
            for watch in watches:
                watch.cancel()
        await output.drain()
        if child.stdin >= 0:
            os.close(child.stdin)
        self.child = self._family = None
        return in_words(code, self._cause), code

    def _wrote(self, stream: Stream, line: bytes) -> None:
        line = self._around.hide(line)
        self.tail.append(line.decode("utf-8", "backslashreplace"))
        self._around.line(self.spec.name, stream, line)

    def _note(self, text: str) -> None:
        self._around.notice(self.spec.name, text)

    async def _weigh(self, family: Family, limit: int) -> None:
        """Kill it once it uses more than `limit` MiB."""
        while True:
            if (used := family.memory() // MIB) > limit:
                self._cause, self._doomed = (
                    tr("used {used:,} MiB, more than the {limit:,} MiB it may", used=used, limit=limit),
                    True,
                )
                self._note(tr("killed: it {cause}", cause=self._cause))
                self._signal(signal.SIGKILL)
                return
            await asyncio.sleep(WEIGHED)

    async def _watch(self, child: Child) -> None:
        probe = self.spec.probe()
        began = self._around.now()
        while not child.exited.done():
            if self.state not in ("frozen", "stopping") and not self._hidden:
                self._judge(await probe())
            waited = self._around.now() - began
            await asyncio.sleep(CALM if self.state in UP else min(EAGER + waited / 10, PATIENT))

    async def _watch_only(self) -> None:
        """What the lab does not start (a file, a URL) is ready when its probe says so."""
        self._enter("starting")
        probe = self.spec.probe()
        while not self._over:
            self._judge(await probe())
            await self._until(lambda: self._over, CALM if self.state in UP else PATIENT)

    def _judge(self, answer: Answer) -> None:
        if self.state not in ("starting", *UP) or self._hidden:
            return  # it was frozen or ended while we asked
        self._declines = answer.state == "unready"
        if answer.state == "unready" and self.state == "starting":
            self._enter("starting", self._boot() or answer.reason)
        elif answer.state == "unready":
            self._enter("degraded", tr("not ready any more: {reason}", reason=answer.reason))
        else:
            self.ever_ready = True
            if self._ready_since is None:
                self._ready_since = self._around.now()
            self._enter(answer.state, answer.reason)

    # -- the end, and what then

    async def _decide(self, ended: str, code: int | None) -> None:
        """After a death: start again now, start again later, or give up until somebody starts it by hand."""
        if self._again:
            self.restarts += 1
            return
        if not self._wanted:
            self._deaths = 0
            self._enter("stopped", tr("stopped on request: {ended}", ended=ended), code=code)
            return
        failed = code != 0 or self._deliberate
        if self._ready_since is not None and self._around.now() - self._ready_since >= STEADY:
            self._deaths = 0
        self._deaths += not self._deliberate
        if code is None:
            self._enter("failed", ended)
        elif self.spec.restart == "never" or (self.spec.restart == "on-failure" and not failed):
            self._enter("failed" if failed else "stopped", ended, code=code)
        elif self._deaths >= DEATHS:
            self._enter("failed", tr("{ended}, the {deaths}th time in a row", ended=ended, deaths=DEATHS), code=code)
        else:
            delay = min(BACKOFF * 2 ** max(0, self._deaths - 1), BACKOFF_CAP)
            self._enter("backoff", tr("{ended}; starts again in {delay:g} s", ended=ended, delay=delay), code=code)
            await self._until(lambda: self._halted() or self._again, delay)
            self.restarts += not self._halted()
            return
        await self._until(lambda: self._halted() or self._again)
        self._deaths = 0
        self.restarts += self._again

    async def _end(self, child: Child) -> None:
        if self._family:
            self._family.signal_group(self.spec.stop)
        self._signal(signal.SIGCONT)
        done, _ = await asyncio.wait([child.exited], timeout=self._around.grace)
        if not done:
            self._signal(signal.SIGKILL)
            await asyncio.wait([child.exited])

    def _living(self) -> Family:
        self._ours()
        if self._family is None:
            raise ActionError(tr("{name} has no process now, it is {state}", name=self.spec.name, state=tr(self.state)))
        return self._family

    def _ours(self) -> None:
        if self.spec.program is None:
            raise ActionError(tr("{name} is not started by the lab", name=self.spec.name))
        if self._over:
            raise ActionError(tr("{name} is stopping, as the run is", name=self.spec.name))

    def _signal(self, number: signal.Signals) -> None:
        if self._family and self.child and not self.child.exited.done():
            self._family.signal(number)

    # -- state

    def _enter(self, state: State, reason: str = "", *, code: int | None = None, always: bool = False) -> None:
        if state == self.state and reason == self.reason and not always:
            return
        if state != self.state:
            self.since = self._around.now()
        self.state, self.reason = state, reason
        self._around.emit(
            Process(
                source=self.spec.name,
                state=state,
                pid=self.child.pid if self.child else None,
                code=code,
                reason=reason,
                asked=state in ENDS and (self._deliberate or self._halted()),
                restarts=self.restarts,
                tail=self.tail.lines() if state == "failed" else (),
            )
        )
        self._around.pulse.beat()

    async def _until(self, condition: Callable[[], bool], timeout: float | None = None) -> None:
        """Wait until `condition` holds or the time is up; it is looked at whenever something changed."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await self._around.pulse.wait()
        except TimeoutError:
            return
