"""Asks a broker whether it serves."""

from __future__ import annotations

import asyncio

from lab.locale import tr


async def greets(host: str, port: int) -> str:
    """It serves when it greets a client; RabbitMQ's port opens before that. See `lab.engines.ready.Ready`."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"AMQP\x00\x00\x09\x01")
        kind = await reader.read(1)
    finally:
        writer.close()
    return "" if kind == b"\x01" else tr("the broker does not greet clients yet")
