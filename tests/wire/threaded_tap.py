"""A Tap on an event loop in a thread of its own, for tests whose client blocks (pika, grpcio).

The loop is the one that the runtime takes: uvloop where it is installed.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from lab.faults import text
from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.journal.event import FaultChange, Flow
from lab.system.model import Link
from lab.wire.tap import Tap

T = TypeVar("T")
NewLoop = Callable[[], asyncio.AbstractEventLoop]


class ThreadedTap:
    """The link `app->broker`; `flows` and `changes` are all that came of it so far. To be used in a `with`."""

    def __init__(
        self, protocol: str, port: int, new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None
    ) -> None:
        self.flows: list[Flow] = []
        self.changes: list[FaultChange] = []
        self._loop = (new_loop or _new_loop)()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._plan = Plan(7, self.changes.append)
        self._tap = Tap(
            link=Link(source="app", target="broker", protocol="amqp"),
            protocol=protocol,
            upstream=("127.0.0.1", port),
            plan=self._plan,
            emit=self.flows.append,
            now=time.monotonic,
        )

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self._tap.port}/%2F?heartbeat=60&socket_timeout=5"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._tap.port}"

    def fault(self, said: str) -> Fault:
        """Begin the fault that is said in words, without its target: `latency 300ms on "publish *"`."""
        kind, _, rest = said.partition(" ")

        fault = text.parse(f"{kind} app->broker {rest}")
        return self._call(lambda: self._plan.add(fault, time.monotonic()))

    def heal(self) -> None:
        self._call(lambda: self._plan.heal(None, time.monotonic()))

    def victims(self, fault: Fault) -> int:
        return self._call(lambda: self._plan.victims(fault.id))

    def connections(self) -> int:
        return self._call(lambda: self._tap.connections)

    def said(self, *verbs: str, message: str = "") -> list[tuple[str, str]]:
        """(op, outcome) of the flows with these verbs, of one message or all."""
        return [
            (flow.op, flow.outcome)
            for flow in list(self.flows)
            if flow.op.split()[0] in verbs and message in ("", flow.message)
        ]

    def __enter__(self) -> ThreadedTap:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._tap.start(), self._loop).result(5)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._tap.close(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _call(self, work: Callable[[], T]) -> T:
        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(5)


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
