"""One load of a key at a time in this process: who comes while it is under way waits for what it brings."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextvars import copy_context
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """The lock is held around the table only, never around a load: another key does not wait, and nor does a new flight
    of the same key that somebody has left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[T]] = {}

    def join(self, key: str, load: Callable[[], T]) -> T:
        """What the load brings, ours or the one that is under way. If it fails, all who wait for it hear why."""
        flight, mine = self._board(key)
        if mine:
            self._fly(key, flight, load)
        return flight.result()

    def launch(self, key: str, load: Callable[[], T], pool: Executor) -> None:
        """Load behind the caller's back, unless somebody is loading already."""
        flight, mine = self._board(key)
        if mine:
            pool.submit(copy_context().run, self._fly, key, flight, load)

    def leave(self, key: str) -> None:
        """Whoever comes from now on begins a new flight: what is on its way was loaded too early for them."""
        with self._lock:
            self._under_way.pop(key, None)

    def _board(self, key: str) -> tuple[Future[T], bool]:
        """The flight, and whether it is ours to fly."""
        with self._lock:
            flight = self._under_way.get(key)
            if flight is not None:
                return flight, False
            flight = self._under_way[key] = Future()
            return flight, True

    def _fly(self, key: str, flight: Future[T], load: Callable[[], T]) -> None:
        try:
            brought = load()
        except BaseException as error:
            self._land(key, flight)
            flight.set_exception(error)
        else:
            self._land(key, flight)
            flight.set_result(brought)

    def _land(self, key: str, flight: Future[T]) -> None:
        """First from the table, so that nobody joins a flight that is over: a failure is for those who waited."""
        with self._lock:
            if self._under_way.get(key) is flight:
                del self._under_way[key]
