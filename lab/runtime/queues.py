"""Asks a broker once a second how deep its queues are: passive declares on a connection of its own, past every tap."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import unquote, urlsplit

from pamqp import commands, frame, header
from pamqp.base import Frame
from pamqp.exceptions import PAMQPException

from lab.journal.event import Queue

EVERY = 1.0
PATIENCE = 2.0
CHANNEL = 1

T = TypeVar("T", bound=Frame)


class QueueProbe:
    """Looks after one broker; `told` gets the queues by name whenever they have changed.

    It asks only for queues whose names it was given by `learn`, because AMQP has no way to list them.
    """

    def __init__(self, url: str, told: Callable[[dict[str, Queue]], None]) -> None:
        self._url = url
        self._told = told
        self._names: set[str] = set()
        self._last: dict[str, Queue] = {}

    def learn(self, name: str) -> None:
        """A queue of this name was seen on the wire."""
        self._names.add(name)

    async def watch(self) -> None:
        """Ask for ever. A broker that is away, frozen or slow is asked again later."""
        while True:
            broker = _Broker(self._url)
            try:
                async with asyncio.timeout(PATIENCE):
                    await broker.open()
                while True:
                    async with asyncio.timeout(PATIENCE):
                        await self._look(broker)
                    await asyncio.sleep(EVERY)
            except (OSError, TimeoutError, EOFError, ValueError, PAMQPException):
                await asyncio.sleep(EVERY)
            finally:
                broker.close()

    async def _look(self, broker: _Broker) -> None:
        found = {}
        for name in sorted(self._names):
            if (queue := await broker.depth(name)) is not None:
                found[name] = queue
        if found != self._last:
            self._last = found
            self._told(found)


class _Broker:
    """As much of an AMQP client as it takes to ask for a queue's depth."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self._writer: asyncio.StreamWriter | None = None
        self._buffer = b""

    async def open(self) -> None:
        host, port = self._parts.hostname or "127.0.0.1", self._parts.port or 5672
        self._reader, self._writer = await asyncio.open_connection(host, port)
        login = f"\0{unquote(self._parts.username or 'guest')}\0{unquote(self._parts.password or 'guest')}"
        self._writer.write(header.ProtocolHeader().marshal())
        await self._expect(commands.Connection.Start)
        self._send(0, commands.Connection.StartOk({"product": "lab queue probe"}, "PLAIN", login, "en_US"))
        tune = await self._expect(commands.Connection.Tune)
        self._send(0, commands.Connection.TuneOk(tune.channel_max, tune.frame_max, heartbeat=0))
        path = self._parts.path.removeprefix("/")
        self._send(0, commands.Connection.Open(unquote(path) if path else "/"))
        await self._expect(commands.Connection.OpenOk)
        await self._open_channel()

    async def depth(self, name: str) -> Queue | None:
        """The queue's ready messages and consumers, or None if there is no such queue (for us)."""
        self._send(CHANNEL, commands.Queue.Declare(queue=name, passive=True))
        answer = await self._next()
        if isinstance(answer, commands.Channel.Close):
            self._send(CHANNEL, commands.Channel.CloseOk())
            await self._open_channel()
            return None
        if not isinstance(answer, commands.Queue.DeclareOk):
            raise ValueError(f"unexpected {answer}")
        return Queue(ready=answer.message_count or 0, consumers=answer.consumer_count or 0)

    def close(self) -> None:
        if self._writer:
            self._writer.close()

    async def _open_channel(self) -> None:
        self._send(CHANNEL, commands.Channel.Open())
        await self._expect(commands.Channel.OpenOk)

    def _send(self, channel: int, method: Frame) -> None:
        assert self._writer is not None
        if self._writer.is_closing():  # uvloop would raise an error of its own
            raise EOFError
        self._writer.write(frame.marshal(method, channel))

    async def _expect(self, kind: type[T]) -> T:
        answer = await self._next()
        if not isinstance(answer, kind):
            raise ValueError(f"unexpected {answer}")
        return answer

    async def _next(self) -> Frame:
        """The next method; heartbeats are passed over."""
        while True:
            if len(self._buffer) > 7:
                size = int.from_bytes(self._buffer[3:7]) + 8
                if len(self._buffer) >= size:
                    data, self._buffer = self._buffer[:size], self._buffer[size:]
                    _, _, value = frame.unmarshal(data)
                    if isinstance(value, Frame):
                        return value
                    continue
            data = await self._reader.read(65_536)
            if not data:
                raise EOFError
            self._buffer += data
