"""The open loop: visitors at random intervals around a rate that may be changed at any time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from random import Random

from lab.journal.event import Load
from lab.load.report import Tally
from lab.load.visitors import Visitors

REPORT_EVERY = 1.0


class Generator:
    """Runs until it is stopped. `rate` is journeys a second; their arrivals are a seeded Poisson process."""

    def __init__(
        self, visitors: Visitors, tally: Tally, *, rate: float, seed: int, tell: Callable[[Load], None]
    ) -> None:
        self._visitors = visitors
        self._tally = tally
        self._rate = max(0.0, rate)
        self._chance = Random(f"{seed}:arrivals")
        self._tell = tell
        self._number = 0
        self._changed = asyncio.Event()
        self._stopping = False

    def set_rate(self, rate: float) -> None:
        """From now on `rate` journeys a second; 0 pauses."""
        self._rate = max(0.0, rate)
        self._changed.set()

    def send(self, journey: str, times: int) -> None:
        """So many visitors at this moment, beside those who come by themselves."""
        for _ in range(times):
            self._number += 1
            self._visitors.send(self._number, time.monotonic(), journey)

    def stop(self) -> None:
        self._stopping = True
        self._changed.set()

    async def run(self) -> None:
        """Send visitors and report every second, and once more at the end."""
        reporting = asyncio.create_task(self._report())
        try:
            await self._arrivals()
        finally:
            reporting.cancel()
            await self._visitors.close()
            self._tell(self._tally.report(self._rate))

    async def _arrivals(self) -> None:
        due = time.monotonic()
        while not self._stopping:
            gap = self._chance.expovariate(self._rate) if self._rate else None
            # From the last due time, not from now: being late must not stretch the intervals.
            due = time.monotonic() if gap is None else due + gap
            if await self._pause(None if gap is None else due - time.monotonic()):
                due = time.monotonic()
                continue
            self._number += 1
            self._visitors.send(self._number, due)

    async def _pause(self, seconds: float | None) -> bool:
        """Wait so long (None: until called). Whether somebody called in the meantime."""
        if seconds is not None and seconds <= 0:
            await asyncio.sleep(0)
        else:
            try:
                await asyncio.wait_for(self._changed.wait(), seconds)
            except TimeoutError:
                return False
        called = self._changed.is_set()
        self._changed.clear()
        return called

    async def _report(self) -> None:
        due = time.monotonic()
        while True:
            due += REPORT_EVERY
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self._tell(self._tally.report(self._rate))
