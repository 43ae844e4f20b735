"""A bulkhead: so many places, and a short wait for one. This one has a place for everybody: it is yours to write."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Full(Exception):
    """No place became free in time."""


class Bulkhead:
    """So many `places`, and nobody waits longer than `patience` seconds for one."""

    def __init__(self, places: int, patience: float = 0.0) -> None:
        self._places, self._patience = places, patience

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place for the length of the block, or Full."""
        # TODO: take a place, or give up in time. And give it back, whatever happens in the block.
        yield
