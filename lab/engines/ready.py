"""Asks an engine over the network whether it serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

Ready = Callable[[str, int], Awaitable[str]]
"""ready(host, port) -> "" if the engine serves, or why not yet. Raises OSError."""


async def listens(host: str, port: int) -> str:
    """It serves when its port is open."""
    _, writer = await asyncio.open_connection(host, port)
    writer.close()
    return ""
