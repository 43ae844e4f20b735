"""One direction of a connection on its way out: bytes leave in order, when they are due, no faster than allowed.

Bytes that belong to a stream of a multiplexed protocol keep their order within that stream only, so that a stream that
waits holds nothing else up. Time is passed in, in seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator

from lab.journal.event import Flow
from lab.wire.actions import Action, End, How, Write
from lab.wire.session import Data, Late, Side, Stream

ROOM = 4 * 1024 * 1024
"""Bytes that may wait before the sender is no longer read from."""
SLICE = 0.05
"""Seconds worth of bytes that leave at once when a rate holds."""


class _Item:
    __slots__ = ("arrived", "data", "due", "end", "flows", "order", "rate")

    def __init__(
        self, order: int, data: Data | memoryview, arrived: float, due: float, rate: float | None, end: How | None
    ) -> None:
        self.order = order
        self.data = data
        self.arrived = arrived
        self.due = due
        self.rate = rate
        self.end = end
        self.flows: list[Flow] = []


class _Queue:
    """What waits of one stream. `last` is when its last item is due, `free` when its rate lets the next one go."""

    __slots__ = ("free", "items", "last", "stalled")

    def __init__(self) -> None:
        self.items: deque[_Item] = deque()
        self.last = 0.0
        self.free = 0.0
        self.stalled = False


class Lane:
    """Towards the socket of `to`. Nothing leaves before there is one (`opened`), nor while the lane is `stalled`.

    What was sent without a stream leaves before everything that was sent after it. An item of a stream is never cut in
    two by its own rate: others may come between its bytes, so it leaves whole, when its last byte would. `timed`: the
    time that a flow waited here counts into its `ms`; so it is towards the client, who waits for answers.
    """

    def __init__(self, to: Side, *, timed: bool) -> None:
        self.opened = False
        self.waiting = 0
        self.stalled = False
        self.rate: float | None = None
        self._to = to
        self._timed = timed
        self._main = _Queue()
        self._queues: dict[Stream, _Queue] = {None: self._main}
        self._cut: _Queue | None = None
        """The queue whose first item is half out: nothing may come between its bytes."""
        self._free = 0.0
        self._order = 0
        self._over = False

    @property
    def idle(self) -> bool:
        """Whether bytes given now would leave now."""
        return self.opened and self.empty and not self.stalled and self.rate is None

    @property
    def empty(self) -> bool:
        return not any(queue.items for queue in self._queues.values())

    @property
    def full(self) -> bool:
        return self.waiting > ROOM

    @property
    def due(self) -> float | None:
        """When something will leave; None if nothing waits, or only for what is not a matter of time."""
        return min((self._start(queue) for queue in self._ready()), default=None)

    def send(
        self, data: Data, now: float, delay: float = 0.0, rate: float | None = None, stream: Stream = None
    ) -> None:
        """Let `data` leave after `delay` seconds, at `rate` bytes a second; after the end, nothing leaves any more."""
        if not self._over:
            self.waiting += len(data)
            self._put(self._queue(stream), data, now, delay, rate, None)

    def attend(self, flow: Flow, stream: Stream = None) -> bool:
        """Let `flow` leave with what was sent last on its stream. Whether anything of it still waits."""
        queue = self._queues.get(stream)
        if queue is None or not queue.items:
            return False
        queue.items[-1].flows.append(flow)
        return True

    def end(self, how: How, now: float, delay: float = 0.0) -> None:
        """End the direction after all that was sent."""
        self._over = True
        self._put(self._main, b"", now, delay, None, how)

    def hurry(self) -> None:
        """Delays and rates no longer keep anything waiting."""
        self._free = 0.0
        for queue in self._queues.values():
            queue.last = queue.free = 0.0
            for item in queue.items:
                item.due, item.rate = 0.0, None

    def stall(self, whole: bool, streams: Collection[Stream] = ()) -> None:
        """Let nothing leave, or nothing of these streams; what was stalled before and is not named goes on."""
        self.stalled = whole
        for stream in streams:
            self._queue(stream)
        for stream, queue in self._queues.items():
            queue.stalled = stream in streams

    def drop(self, stream: Stream = None) -> list[Flow]:
        """Forget what waits, all of it or of one stream; returns the flows that waited with it."""
        flows: list[Flow] = []
        for queue in self._queues.values() if stream is None else [self._queue(stream)]:
            begun = [queue.items.popleft()] if queue is self._cut and stream is not None else []
            for item in queue.items:
                self.waiting -= len(item.data)
                flows += item.flows
            queue.items = deque(begun)
        return flows

    def pump(self, now: float) -> list[Action]:
        """What leaves now."""
        left: list[Action] = []
        while (queue := self._next(now)) is not None:
            item = queue.items[0]
            if item.data:
                self._write(queue, item, now, left)
            self._cut = queue if item.data else None
            if self._cut is None:
                queue.items.popleft()
                self._leave(item, now, left)
        for stream in [stream for stream, queue in self._queues.items() if stream is not None and _done(queue, now)]:
            del self._queues[stream]
        return left

    def _queue(self, stream: Stream) -> _Queue:
        queue = self._queues.get(stream)
        if queue is None:
            queue = self._queues[stream] = _Queue()
        return queue

    def _put(self, queue: _Queue, data: Data, now: float, delay: float, rate: float | None, end: How | None) -> None:
        queue.last = max(queue.last, now + delay if delay > 0 else 0.0)
        self._order += 1
        queue.items.append(_Item(self._order, data, now, queue.last, rate, end))

    def _ready(self) -> Iterator[_Queue]:
        """The queues whose first item waits for its time only."""
        if not self.opened or self.stalled:
            return
        if self._cut is not None:
            yield self._cut
            return
        first = self._main.items[0] if self._main.items else None
        for queue in self._queues.values():
            if not queue.items or queue.stalled:
                continue
            if queue is self._main:
                if first is not None and first.end is not None and self._streams_wait():
                    continue
            elif first is not None and first.end is None and first.order < queue.items[0].order:
                continue
            yield queue

    def _streams_wait(self) -> bool:
        return any(queue.items for queue in self._queues.values() if queue is not self._main)

    def _next(self, now: float) -> _Queue | None:
        best: tuple[float, int] | None = None
        found: _Queue | None = None
        for queue in self._ready():
            place = (self._start(queue), queue.items[0].order)
            if place[0] <= now and (best is None or place < best):
                best, found = place, queue
        return found

    def _start(self, queue: _Queue) -> float:
        item = queue.items[0]
        start = max(item.due, queue.free)
        if item.rate is not None and queue is not self._main:
            start = max(start, item.arrived) + len(item.data) / item.rate
        return max(start, self._free)

    def _write(self, queue: _Queue, item: _Item, now: float, left: list[Action]) -> None:
        """Write the item, or as much of it as the rate allows."""
        if isinstance(item.data, Late):
            made = item.data.make()
            self.waiting += len(made) - len(item.data)
            item.data = made
        own = item.rate
        if own is not None and queue is not self._main:
            queue.free = self._start(queue)
            own = item.rate = None
        rate = min((rate for rate in (own, self.rate) if rate is not None), default=None)
        if rate is None:
            part, item.data = bytes(item.data), b""
        else:
            view, size = memoryview(item.data), max(1, int(rate * SLICE))
            part, item.data = bytes(view[:size]), view[size:]
            self._free = max(self._free, now - SLICE) + len(part) / rate
        left.append(Write(self._to, part))
        self.waiting -= len(part)

    def _leave(self, item: _Item, now: float, left: list[Action]) -> None:
        waited = (now - item.arrived) * 1000
        for flow in item.flows:
            if self._timed and flow.ms is not None:
                flow.ms += waited
            left.append(flow)
        if item.end is not None:
            left.append(End(self._to, item.end))


def _done(queue: _Queue, now: float) -> bool:
    return not queue.items and not queue.stalled and max(queue.last, queue.free) <= now
