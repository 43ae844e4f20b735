"""The event loop that a broker's process runs on."""

from __future__ import annotations

import asyncio


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's where there is one, which is quicker."""
    try:
        import uvloop
    except ImportError:  # not on this platform: asyncio's own loop serves as well, if slower
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
