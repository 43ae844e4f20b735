"""Asks a broker once a second how deep its queues are: passive declares on a connection of its own, past every tap."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from lab.engines.amqp.core.table import text
from lab.engines.amqp.protocol import methods
from lab.engines.amqp.protocol.frames import METHOD, PROTOCOL_HEADER, FrameReader, method_frame
from lab.journal.event import Flow, Queue

EVERY = 1.0
PATIENCE = 2.0
CHANNEL = 1
FRAME_MAX = 131_072
"""Octets of a frame that a broker may send before the size is agreed on."""

T = TypeVar("T")


class QueueProbe:
    """Looks after one broker; see `lab.engines.watch.QueueWatch`. It asks only for queues that were seen on the wire,
    because AMQP has no way to list them."""

    def __init__(self, url: str, told: Callable[[dict[str, Queue]], None]) -> None:
        self._url = url
        self._told = told
        self._names: set[str] = set()
        self._last: dict[str, Queue] = {}

    def learn(self, flow: Flow) -> None:
        if flow.queue:
            self._names.add(flow.queue)

    async def watch(self) -> None:
        while True:
            broker = _Broker(self._url)
            try:
                async with asyncio.timeout(PATIENCE):
                    await broker.open()
                while True:
                    async with asyncio.timeout(PATIENCE):
                        await self._look(broker)
                    await asyncio.sleep(EVERY)
            except (OSError, TimeoutError, EOFError, ValueError):
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
        self._frames = FrameReader(FRAME_MAX)
        self._answers: deque[Any] = deque()

    async def open(self) -> None:
        host, port = self._parts.hostname or "127.0.0.1", self._parts.port or 5672
        self._reader, self._writer = await asyncio.open_connection(host, port)
        login = f"\0{unquote(self._parts.username or 'guest')}\0{unquote(self._parts.password or 'guest')}"
        self._writer.write(PROTOCOL_HEADER)
        await self._expect(methods.ConnectionStart)
        product = {"product": text("lab queue probe")}
        self._send(0, methods.ConnectionStartOk(product, "PLAIN", login.encode(), "en_US"))
        tune = await self._expect(methods.ConnectionTune)
        self._send(0, methods.ConnectionTuneOk(tune.channel_max, tune.frame_max, heartbeat=0))
        path = self._parts.path.removeprefix("/")
        self._send(0, methods.ConnectionOpen(unquote(path) if path else "/", "", insist=False))
        await self._expect(methods.ConnectionOpenOk)
        await self._open_channel()

    async def depth(self, name: str) -> Queue | None:
        """The queue's ready messages and consumers, or None if there is no such queue (for us)."""
        passive = methods.QueueDeclare(
            0, name, passive=True, durable=False, exclusive=False, auto_delete=False, nowait=False, arguments={}
        )
        self._send(CHANNEL, passive)
        answer = await self._next()
        if isinstance(answer, methods.ChannelClose):
            self._send(CHANNEL, methods.ChannelCloseOk())
            await self._open_channel()
            return None
        if not isinstance(answer, methods.QueueDeclareOk):
            raise ValueError(f"unexpected {answer}")
        return Queue(ready=answer.message_count, consumers=answer.consumer_count)

    def close(self) -> None:
        if self._writer:
            self._writer.close()

    async def _open_channel(self) -> None:
        self._send(CHANNEL, methods.ChannelOpen(""))
        await self._expect(methods.ChannelOpenOk)

    def _send(self, channel: int, method: Any) -> None:
        assert self._writer is not None
        if self._writer.is_closing():  # uvloop would raise an error of its own
            raise EOFError
        self._writer.write(method_frame(channel, method))

    async def _expect(self, kind: type[T]) -> T:
        answer = await self._next()
        if not isinstance(answer, kind):
            raise ValueError(f"unexpected {answer}")
        return answer

    async def _next(self) -> Any:
        """The next method; heartbeats are passed over. Raises EOFError, ValueError for what is not AMQP."""
        while not self._answers:
            data = await self._reader.read(65_536)
            if not data:
                raise EOFError
            self._answers += [methods.decode(payload) for kind, _, payload in self._frames.feed(data) if kind == METHOD]
            if self._frames.failure is not None:
                raise ValueError(str(self._frames.failure))
        return self._answers.popleft()
