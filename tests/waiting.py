"""Waiting for a condition with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], timeout: float = 20.0, every: float = 0.02) -> T:
    """The first true value of `condition()`; AssertionError with its last value after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {timeout} s; the last value was {value!r}")
        time.sleep(every)
    return value


async def aeventually(condition: Callable[[], T], timeout: float = 20.0, every: float = 0.02) -> T:
    """The same without blocking the event loop."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not so within {timeout} s; the last value was {value!r}")
        await asyncio.sleep(every)
    return value
