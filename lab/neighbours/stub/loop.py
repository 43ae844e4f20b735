"""The event loop that serves all stubs, in a daemon thread of its own, so that checks may block as they like."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds that a caller waits for the loop, which does nothing that takes long."""

_starting = threading.Lock()
_running: list[asyncio.AbstractEventLoop] = []


def stub_loop() -> asyncio.AbstractEventLoop:
    """The running loop. The first call starts it."""
    with _starting:
        if not _running:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="stubs", daemon=True).start()
            _running.append(loop)
        return _running[0]


def in_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run the work in the loop from any other thread, and return its result."""
    return asyncio.run_coroutine_threadsafe(work, stub_loop()).result(PATIENCE)
