"""A place where requests wait in the stubs' event loop until another thread lets them go."""

from __future__ import annotations

import asyncio
import threading


class WaitingRoom:
    """`inside` now, `entered` ever."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: set[asyncio.Future[None]] = set()
        self._open = False
        self.entered = 0

    @property
    def inside(self) -> int:
        return len(self._waiting)

    async def wait(self, seconds: float | None = None) -> None:
        """Return when let go, or after so many seconds; at once after `let_go(for_good=True)`."""
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            if self._open:
                return
            self._waiting.add(place)
            self.entered += 1
        try:
            async with asyncio.timeout(seconds):
                await place
        except TimeoutError:
            pass
        finally:
            with self._lock:
                self._waiting.discard(place)

    def let_go(self, for_good: bool = False) -> None:
        """Let everything inside go on, from any thread. With `for_good` nothing waits here again."""
        with self._lock:
            self._open = self._open or for_good
            leaving, self._waiting = self._waiting, set()
        for place in leaving:
            place.get_loop().call_soon_threadsafe(_done, place)


def _done(place: asyncio.Future[None]) -> None:
    if not place.done():
        place.set_result(None)
