"""A bulkhead: so many places, a short wait for one, and a clear no for everybody else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Full(Exception):
    """No place became free in time."""


class Bulkhead:
    """So many `places`, and nobody waits longer than `patience` seconds for one.

    The wait is short on purpose. It evens out a burst; a longer one only means that more requests are held, each with
    a client who may have left, and that the answer is the same no, but late.
    """

    def __init__(self, places: int, patience: float = 0.0) -> None:
        self._free = asyncio.Semaphore(places)
        self._patience = patience

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for the length of the block, or Full."""
        await self._take()  # not inside the try: whoever got no place must not give one back
        try:
            yield
        finally:  # a failure, a timeout, a client who has left: the place comes back
            self._free.release()

    async def _take(self) -> None:
        if self._free.locked() and not self._patience:
            raise Full
        try:
            async with asyncio.timeout(self._patience or None):
                await self._free.acquire()
        except TimeoutError:
            raise Full from None
