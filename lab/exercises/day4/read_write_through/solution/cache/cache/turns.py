"""One at a time for each key: loads, whose result all who wait for it share, and writes, which follow each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """A load that is under way is joined by whoever wants the same."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, Future[T]] = {}

    def join(self, key: str, load: Callable[[], T]) -> T:
        with self._lock:
            flight = self._under_way.get(key)
            if flight is None:
                mine = self._under_way[key] = Future()
        if flight is not None:
            return flight.result()
        try:
            brought = load()
        except BaseException as error:
            self._land(key)
            mine.set_exception(error)
            raise
        self._land(key)
        mine.set_result(brought)
        return brought

    def _land(self, key: str) -> None:
        with self._lock:
            del self._under_way[key]


class Turns:
    """A lock for each key, there for as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def of(self, key: str) -> Iterator[None]:
        with self._lock:
            turn, waiting = self._locks.get(key, (threading.Lock(), 0))
            self._locks[key] = (turn, waiting + 1)
        try:
            with turn:
                yield
        finally:
            with self._lock:
                _, waiting = self._locks[key]
                if waiting == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (turn, waiting - 1)
