"""A live run without a runtime: events that a test feeds, and a record of what was asked of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path

from lab.dashboard.app import DashboardApp
from lab.dashboard.bars import About
from lab.dashboard.desk import Desk
from lab.dashboard.run_screen import RunScreen
from lab.dashboard.shown import ShownRun
from lab.journal.event import Event, FaultChange, Load, Note, Process, to_line
from lab.runtime.api import Action, ControlError, FaultStatus, LoadStatus, ProcessStatus, RunStatus, ScaleStatus
from lab.system.model import System
from tests.dashboard import shop
from tests.stamped import fault_change


class FakeRun:
    """Speaks like AsyncControl and writes a journal. `calls` is what was asked; `refusal` makes the next requests
    fail."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.refusal = ""
        self.reason = ""
        self.rate = 20.0
        self.runs = shop.SYSTEM
        self.elapsed = 0.0
        self.seq = 0
        self.dead = False
        self._folder = tempfile.TemporaryDirectory()
        self.journal = Path(self._folder.name) / "journal.ndjson"
        self.feed(*events)

    def feed(self, *events: Event) -> None:
        with self.journal.open("ab") as file:
            for event in events:
                self.seq += 1
                event.seq = self.seq
                self.elapsed = max(self.elapsed, event.t)
                file.write(to_line(event))

    def end(self) -> None:
        """It stops in good order."""
        self.feed(Note(t=self.elapsed, text="stopped: asked to", topic="run", data={"state": "stopped"}))
        self.dead = True

    def die(self) -> None:
        self.dead = True

    def gone(self) -> bool:
        return self.dead

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
        lasting = f"{text} for 30s"  # as the runtime says it
        self.feed(fault_change(lasting, t=self.elapsed, id=ident, change="added", owner=owner, duration=30.0))
        return FaultStatus(id=ident, text=text, kind=kind, target=target, owner=owner, victims=0, remaining=30.0)

    async def heal(self, id: str | None = None) -> None:
        self._note("heal", id)
        if id:
            self.feed(FaultChange(t=self.elapsed, id=id, change="healed"))

    async def system(self) -> System:
        return self.runs

    async def scale(self, name: str, replicas: int) -> ScaleStatus:
        self._note("scale", name, replicas)
        return ScaleStatus(
            service=name, before=1, replicas=replicas, instances=self.runs.scaled(name, replicas).instances(name)
        )

    async def load(self) -> LoadStatus:
        return LoadStatus(rate=self.rate)

    async def set_rate(self, rate: float) -> None:
        self._note("rate", rate)
        self.rate = rate
        self.feed(Load(t=self.elapsed, rate=rate))

    async def predict(self, ident: str, says: str) -> None:
        self._note("predict", ident, says)
        self.feed(Note(t=self.elapsed, text=f"your prediction: {says}", topic="prediction", data={"id": ident}))

    async def stop(self) -> None:
        self._note("stop")

    async def close(self) -> None: ...

    def _note(self, *call: object) -> None:
        if self.refusal:
            raise ControlError(self.refusal)
        self.calls.append(call)


def dashboard(run: FakeRun, system: System = shop.SYSTEM, *, ascii: bool = False) -> DashboardApp:
    shown = ShownRun(run.journal, system, About(system.name, system.title), lambda: run, run.gone)
    return DashboardApp(RunScreen(Desk(shown), ascii=ascii))


def screen_of(app: DashboardApp) -> RunScreen:
    assert isinstance(app.first, RunScreen)
    return app.first
