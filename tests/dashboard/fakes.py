"""A live run without a runtime: events that a test feeds, and a record of what was asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

from lab.dashboard.app import DashboardApp
from lab.dashboard.bars import About
from lab.dashboard.desk import Desk
from lab.dashboard.feed import LiveFeed
from lab.journal.event import Event, FaultChange, Load, Process, to_line
from lab.runtime.api import Action, ControlError, FaultStatus, LoadStatus, ProcessStatus, RunStatus
from lab.system.model import System
from tests.dashboard import shop
from tests.stamped import fault_change


class FakeRun:
    """Speaks like AsyncControl. `calls` is what was asked; `refusal` makes the next requests fail."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.refusal = ""
        self.reason = ""
        self.rate = 20.0
        self.elapsed = 0.0
        self._lines: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self._seq = 0
        self.feed(*events)

    def feed(self, *events: Event) -> None:
        for event in events:
            self._seq += 1
            event.seq = self._seq
            self.elapsed = max(self.elapsed, event.t)
            self._lines.put_nowait(to_line(event))

    def end(self) -> None:
        self._lines.put_nowait(None)

    def die(self) -> None:
        self._lines.put_nowait(ControlError("the run is gone (its control socket does not answer)"))

    async def events(self, since: int = 0, follow: bool = True) -> AsyncIterator[bytes]:
        assert (since, follow) == (0, True)
        while (line := await self._lines.get()) is not None:
            if isinstance(line, Exception):
                raise line
            yield line

    async def run(self) -> RunStatus:
        process = ProcessStatus(
            name="orders", role="service", state="ready", since=0.1, pid=4202, cpu=3.2, rss=62 << 20
        )
        return RunStatus(
            id="0001-day3", system="day3", title="Event-driven shop", state="ready", elapsed=self.elapsed, seed=7,
            scenario="happy", folder="", pid=1, tiers={"broker": "embedded"}, processes=(process,), links=(), faults=(),
            load=LoadStatus(rate=self.rate), reason=self.reason,
        )  # fmt: skip

    async def act(self, name: str, action: Action) -> None:
        self._note("act", name, action)
        states = {"freeze": "frozen", "thaw": "ready", "kill": "backoff"}
        self.feed(Process(t=self.elapsed, source=name, state=states.get(action, "starting"), reason=action))

    async def add_fault(self, text: str, owner: str = "you") -> FaultStatus:
        self._note("add", text, owner)
        kind, target, *_ = text.split()
        ident = f"f{len(self.calls)}"
        self.feed(fault_change(text, t=self.elapsed, id=ident, change="added", owner=owner, duration=30.0))
        return FaultStatus(id=ident, text=text, kind=kind, target=target, owner=owner, victims=0, remaining=30.0)

    async def heal(self, id: str | None = None) -> None:
        self._note("heal", id)
        if id:
            self.feed(FaultChange(t=self.elapsed, id=id, change="healed"))

    async def load(self) -> LoadStatus:
        return LoadStatus(rate=self.rate)

    async def set_rate(self, rate: float) -> None:
        self._note("rate", rate)
        self.rate = rate
        self.feed(Load(t=self.elapsed, rate=rate))

    def _note(self, *call: object) -> None:
        if self.refusal:
            raise ControlError(self.refusal)
        self.calls.append(call)


def dashboard(run: FakeRun, system: System = shop.SYSTEM, *, ascii: bool = False) -> DashboardApp:
    desk = Desk(LiveFeed(run.events()), system, About(system.name, system.title))
    return DashboardApp(desk, run, ascii=ascii)
