"""A bus inside the process: who publishes an event does not know who listens, nor how many, nor how they fare.

It parts the code, not the time: an event lives in this process's memory, and dies with it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextvars import Context, copy_context
from queue import SimpleQueue
from typing import Any, TypeVar

E = TypeVar("E")

log = logging.getLogger(__name__)


class Bus:
    """Subscribe before the first event. Any thread may publish."""

    def __init__(self) -> None:
        self._subscribers: dict[type, list[_Subscriber]] = {}

    def subscribe(self, kind: type[E], handle: Callable[[E], None], workers: int = 1) -> None:
        """Have `handle` called with each event of this kind, by threads of its own: whoever is slow or fails keeps
        nobody else from theirs."""
        self._subscribers.setdefault(kind, []).append(_Subscriber(handle, workers))

    def publish(self, event: object) -> None:
        """Tell all who listen, and wait for none."""
        for subscriber in self._subscribers.get(type(event), []):
            subscriber.hear(event)

    def close(self, patience: float) -> None:
        """Let the subscribers work off what they have heard, for so many seconds together."""
        until = time.monotonic() + patience
        everybody = [one for several in self._subscribers.values() for one in several]
        for subscriber in everybody:
            subscriber.end()
        for subscriber in everybody:
            subscriber.join(until)


class _Subscriber:
    """A queue and the threads that work it off."""

    def __init__(self, handle: Callable[[Any], None], workers: int) -> None:
        self._handle = handle
        self._heard: SimpleQueue[tuple[Context, object] | None] = SimpleQueue()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def hear(self, event: object) -> None:
        self._heard.put((copy_context(), event))  # with the id of the request that led to it

    def end(self) -> None:
        for _ in self._threads:
            self._heard.put(None)

    def join(self, until: float) -> None:
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while heard := self._heard.get():
            context, event = heard
            try:
                context.run(self._handle, event)
            except Exception:  # of this event; the next one deserves another try
                log.exception("%s: a subscriber failed", type(event).__name__)
