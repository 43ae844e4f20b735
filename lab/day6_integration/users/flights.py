"""Single flight: of all who want the same thing at the same moment one fetches it, and the others wait for that."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class Flights(Generic[T]):
    """Those of this process: ten processes make ten flights, still not ten thousand."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._under_way: dict[str, Future[T]] = {}

    def fetch(self, key: str, work: Callable[[], T]) -> T:
        """What `work` gives, or what the same work of somebody else gives who began before. Raises what that raises."""
        with self._lock:
            flight = self._under_way.get(key)
            first = flight is None
            if flight is None:
                flight = self._under_way[key] = Future()
        if first:
            try:
                flight.set_result(work())
            except BaseException as error:
                flight.set_exception(error)
            finally:
                self._end(key, flight)
        return flight.result()

    def part(self, key: str) -> None:
        """Nobody joins the flight from now on: what it brings is of yesterday."""
        with self._lock:
            self._under_way.pop(key, None)

    def _end(self, key: str, flight: Future[T]) -> None:
        with self._lock:
            if self._under_way.get(key) is flight:
                del self._under_way[key]
