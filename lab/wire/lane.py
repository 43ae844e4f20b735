"""One direction of a connection on its way out: bytes leave in order, when they are due, no faster than allowed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Literal

from lab.journal.event import Flow

ROOM = 4 * 1024 * 1024
"""Bytes that may wait before the sender is no longer read from."""
SLICE = 0.05
"""Seconds worth of bytes that leave at once when a rate holds."""

End = Literal["eof", "close", "reset"]


class _Item:
    __slots__ = ("arrived", "data", "due", "end", "flows", "rate")

    def __init__(
        self, data: bytes | memoryview, due: float, rate: float | None, arrived: float, end: End | None
    ) -> None:
        self.data = data
        self.due = due
        self.rate = rate
        self.arrived = arrived
        self.end = end
        self.flows: list[Flow] = []


class Lane:
    """Towards one transport. Nothing leaves before there is one (`attach`), nor while the lane is `stalled`.

    `tell` gets each Flow when the bytes it came with have left; `ended` each end (EOF, close, reset) that should follow
    them; `room` is called when the waiting bytes cross ROOM, up or down; `drained` when the last of them left. `timed`:
    what a flow waited here counts into its `ms`; so it is towards the client, who waits for answers.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        tell: Callable[[Flow], None],
        ended: Callable[[End], None],
        room: Callable[[], None],
        drained: Callable[[], None],
        timed: bool,
    ) -> None:
        self.waiting = 0
        self.stalled = False
        self.rate: float | None = None
        self._loop = loop
        self._tell = tell
        self._ended = ended
        self._room = room
        self._drained = drained
        self._timed = timed
        self._transport: asyncio.Transport | None = None
        self._queue: deque[_Item] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._last = 0.0
        self._free = 0.0
        self._over = False

    @property
    def idle(self) -> bool:
        """Whether bytes given now would leave now."""
        return self._transport is not None and not self._queue and not self.stalled and self.rate is None

    @property
    def empty(self) -> bool:
        return not self._queue

    @property
    def full(self) -> bool:
        return self.waiting > ROOM

    def attach(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._pump()

    def send(self, data: bytes, delay: float = 0.0, rate: float | None = None) -> None:
        """Let `data` leave after `delay` seconds, at `rate` bytes a second; after the end, nothing leaves any more."""
        if self._over:
            return
        if self._transport is not None and delay <= 0 and rate is None and self.idle:
            self._transport.write(data)
            return
        was_full = self.full
        self.waiting += len(data)
        self._put(_Item(data, self._due(delay), rate, self._loop.time(), None))
        if self.full and not was_full:
            self._room()

    def attend(self, flow: Flow) -> None:
        """Tell `flow` when what was sent last has left: now, if nothing waits."""
        if self._queue:
            self._queue[-1].flows.append(flow)
        else:
            self._tell(flow)

    def end(self, how: End, delay: float = 0.0) -> None:
        """End the direction after all that was sent."""
        self._over = True
        self._put(_Item(b"", self._due(delay), None, self._loop.time(), how))

    def hurry(self) -> None:
        """What delays and rates keep waiting leaves now."""
        self._last = self._free = 0.0
        for item in self._queue:
            item.due, item.rate = 0.0, None
        self._pump()

    def stall(self, stalled: bool) -> None:
        self.stalled = stalled
        self._pump()

    def drop(self) -> Iterable[Flow]:
        """Forget all that waits; returns the flows that waited with it."""
        flows = [flow for item in self._queue for flow in item.flows]
        self._queue.clear()
        self.waiting = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return flows

    def _due(self, delay: float) -> float:
        self._last = max(self._last, self._loop.time() + delay if delay > 0 else 0.0)
        return self._last

    def _put(self, item: _Item) -> None:
        self._queue.append(item)
        if len(self._queue) == 1:
            self._pump()

    def _pump(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        transport = self._transport
        if transport is None or self.stalled or not self._queue:
            return
        was_full = self.full
        while self._queue and not self.stalled:
            item = self._queue[0]
            now = self._loop.time()
            start = max(item.due, self._free)
            if start > now:
                self._timer = self._loop.call_at(start, self._pump)
                break
            if item.data and not self._write(transport, item, now):
                continue
            self._queue.popleft()
            self._leave(item, now)
        if was_full and not self.full:
            self._room()
        if not self._queue:
            self._drained()

    def _write(self, transport: asyncio.Transport, item: _Item, now: float) -> bool:
        """Write the item, or as much as the rate allows. Whether all of it left."""
        rates = [rate for rate in (item.rate, self.rate) if rate is not None]
        if not rates:
            transport.write(item.data)
            self.waiting -= len(item.data)
            return True
        rate = min(rates)
        view = memoryview(item.data)
        part, item.data = bytes(view[: max(1, int(rate * SLICE))]), view[max(1, int(rate * SLICE)) :]
        transport.write(part)
        self.waiting -= len(part)
        self._free = max(self._free, now - SLICE) + len(part) / rate
        return not item.data

    def _leave(self, item: _Item, now: float) -> None:
        waited = (now - item.arrived) * 1000
        for flow in item.flows:
            if self._timed and flow.ms is not None:
                flow.ms += waited
            self._tell(flow)
        if item.end is not None:
            self._ended(item.end)
