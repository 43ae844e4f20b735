"""Publisher and subscriber in one process: who publishes does not know who hears of it, and does not wait."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from lab.chassis.ids import correlated, correlation_id

E = TypeVar("E")

log = logging.getLogger(__name__)


class Bus:
    """Events by their type. A subscriber that fails stops nobody else.

    What is published is in memory until it is handled: when the process dies, it is gone, and nobody knows that it
    ever was.
    """

    def __init__(self) -> None:
        self._subscribers: dict[type[Any], list[Callable[[Any], None]]] = defaultdict(list)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="bus")

    def subscribe(self, kind: type[E], handle: Callable[[E], None]) -> None:
        self._subscribers[kind].append(handle)

    def publish(self, event: object) -> None:
        """Hand the event to everybody who asked for its type. Call it after the transaction, never inside."""
        for handle in self._subscribers[type(event)]:
            self._threads.submit(self._handle, handle, event, correlation_id())

    def close(self) -> None:
        """What is being handled is finished; what has not begun is dropped."""
        self._threads.shutdown(cancel_futures=True)

    def _handle(self, handle: Callable[[Any], None], event: object, correlation: str) -> None:
        with correlated(correlation):
            try:
                handle(event)
            except Exception:
                log.exception("%s of %s failed", handle.__qualname__, event)
