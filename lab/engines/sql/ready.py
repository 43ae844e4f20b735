"""Asks PostgreSQL whether it serves."""

from __future__ import annotations

import asyncio
import struct

from lab.locale import tr

STARTUP = b"user\0lab\0database\0postgres\0\0"
"""Its first message, protocol 3.0; while the cluster recovers the answer is an error."""


async def accepts_sessions(host: str, port: int) -> str:
    """It serves when it accepts sessions, which is later than when its port opens. See `lab.engines.ready.Ready`."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(struct.pack("!II", len(STARTUP) + 8, 196_608) + STARTUP)
        kind = await reader.read(1)
    finally:
        writer.close()
    return "" if kind == b"R" else tr("the cluster is not accepting sessions yet")
