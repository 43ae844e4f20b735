"""What a process of a run is, and what surrounds it while it lives."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from lab.journal.event import Process
from lab.runtime.api import State
from lab.runtime.logs import Stream
from lab.runtime.readiness import Probe
from lab.runtime.spawn import Child, Program
from lab.system.model import Restart, Start, Wait

Role = Literal["service", "stub", "engine", "load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What a process of the run is. Without a `program` it is a file or runs elsewhere, and is only probed.

    `needs` says for whom it waits. `prepare` is called before each start and says why there can be none ("" when all
    is well). `probe` makes the question that tells whether it is ready. `boot` says how long a start usually takes,
    for what takes long enough to wonder, and `title` what is starting; `stop` asks it to shut down cleanly.
    `memory` (MiB) and `output` (MB) are what one life of it may use and write. It is `mine` if the learner wrote it.
    """

    name: str
    role: Role
    program: Callable[[], Program] | None
    probe: Callable[[], Probe]
    restart: Restart = "on-failure"
    start: Start = "with-run"
    needs: tuple[tuple[str, Wait], ...] = ()
    prepare: Callable[[], str] = str
    url: Callable[[], str] = str
    title: str = ""
    boot: str = ""
    memory: int | None = None
    output: int | None = None
    stop: signal.Signals = signal.SIGTERM
    mine: bool = False


class Pulse:
    """Something changed: wakes everybody who waits, again and again."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self) -> None:
        await self._event.wait()


class Peer(Protocol):
    """Another process of the run, as one that waits for it sees it."""

    @property
    def spec(self) -> Spec: ...

    @property
    def state(self) -> State: ...

    @property
    def reason(self) -> str: ...

    def serves(self, wait: Wait) -> bool:
        """Whether somebody who waits in this way need not wait any longer."""


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """What surrounds a process: who starts it, who else is there, and whom it tells what happens. `grace` is the time
    that it has to end when it is asked to, in seconds. `hide` takes known secrets out of what a process wrote.

    `slow_start` gives the seconds by which a fault holds the next start back (0: none) and `slowed` is told when that
    start is due.
    """

    spawn: Callable[[Program], Awaitable[Child]]
    now: Callable[[], float]
    emit: Callable[[Process], None]
    line: Callable[[str, Stream, bytes], None]
    hide: Callable[[bytes], bytes]
    notice: Callable[[str, str], None]
    born: Callable[[str, int], None]
    grace: float
    slow_start: Callable[[str], float] = lambda _: 0.0
    slowed: Callable[[str], None] = lambda _: None
    pulse: Pulse = field(default_factory=Pulse)
    peers: dict[str, Peer] = field(default_factory=dict)
