"""Asks a Kafka broker whether it serves."""

from __future__ import annotations

import asyncio
import struct

from lab.locale import tr

API_VERSIONS = 18
_ASK = struct.pack(">hhih", API_VERSIONS, 0, 1, -1)
QUESTION = struct.pack(">i", len(_ASK)) + _ASK
"""Which versions it speaks, asked in the version that every broker understands."""


async def answers(host: str, port: int) -> str:
    """It serves when it says which versions of the protocol it speaks. See `lab.engines.ready.Ready`."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(QUESTION)
        answer = await reader.read(8)
    finally:
        writer.close()
    return "" if answer[4:] == struct.pack(">i", 1) else tr("the broker does not answer yet")
