"""aio-pika and aiohttp for a service: what comes is tried again through a queue in which it waits, or parked."""

import asyncio
import contextlib
import json
import os
import sqlite3
import uuid
from datetime import UTC, datetime

import aio_pika
from aiohttp import ClientError, web

EXCHANGE = "shop.events"
PAUSE_MS = 300
NAME = os.environ.get("SERVICE_NAME", "service")
PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
TROUBLE = (aio_pika.exceptions.AMQPError, aio_pika.exceptions.ChannelInvalidStateError, OSError, TimeoutError)


class Never(Exception):
    """Trying again cannot help."""


class Later(Exception):
    """Trying again may help."""


async def transaction(work):
    """Everything that `work(db)` writes, or nothing."""

    def run():
        with contextlib.closing(sqlite3.connect(PATH, timeout=10, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.execute("BEGIN IMMEDIATE")
            try:
                result = work(db)
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")
            return result

    return await asyncio.to_thread(run)


def event(kind, about, correlation, **data):
    """Its id follows from what it tells: told again, it is the same event."""
    return {
        "specversion": "1.0",
        "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{about}")),
        "source": f"/{NAME}",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "correlationid": correlation,
        "data": data,
    }


class Bus:
    """One connection; `keep` holds it up for ever. Without a queue it only publishes."""

    def __init__(self, queue="", kinds=(), handle=None):
        self._queue, self._kinds, self._handle = queue, kinds, handle
        self._channel = None

    async def publish(self, happened):
        """Return when the broker has it."""
        if self._channel is None:
            raise Later("no broker")
        try:
            exchange = await self._channel.get_exchange(EXCHANGE, ensure=False)
            await exchange.publish(message(json.dumps(happened).encode(), happened), happened["type"], timeout=3)
        except (*TROUBLE, RuntimeError) as error:
            raise Later(repr(error)) from error

    async def keep(self):
        while True:
            try:
                connection = await aio_pika.connect(os.environ["AMQP_URL"], timeout=3)
                async with connection:
                    await self._consume(connection)
            except (*TROUBLE, RuntimeError) as error:
                log("warn", f"no broker: {error!r}")
            self._channel = None
            await asyncio.sleep(0.3)

    async def _consume(self, connection):
        channel = await connection.channel()
        await channel.set_qos(prefetch_count=int(os.environ.get("PREFETCH", "10")))
        exchange = await channel.declare_exchange(EXCHANGE, "topic", durable=True)
        self._channel = channel
        if not self._queue:
            # connection.closed() would wait for ever if the broker died with a publish under way.
            gone = asyncio.Event()
            channel.close_callbacks.add(lambda *_: gone.set())
            await gone.wait()
            return
        back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self._queue, "x-message-ttl": PAUSE_MS}
        await channel.declare_queue(f"{self._queue}.wait", durable=True, arguments=back)
        await channel.declare_queue(f"{self._queue}.dlq", durable=True)
        queue = await channel.declare_queue(self._queue, durable=True)
        for kind in self._kinds:
            await queue.bind(exchange, kind)
        async with queue.iterator() as messages:
            async for incoming in messages:
                await self._deal(channel, incoming)

    async def _deal(self, channel, incoming):
        happened, place = {}, None
        try:
            happened = json.loads(incoming.body)
            await self._handle(happened)
            log("info", f"done: {happened['type']}", happened.get("correlationid"))
        except (Later, ClientError, TimeoutError, sqlite3.OperationalError) as error:
            place = f"{self._queue}.wait"
            log("warn", f"tried again: {error!r}", happened.get("correlationid"))
        except (Never, ValueError, KeyError, TypeError, AttributeError) as error:
            place = f"{self._queue}.dlq"
            log("error", f"parked: {error!r}", None)
        if place:
            copy = message(incoming.body, happened if isinstance(happened, dict) else {})
            await channel.default_exchange.publish(copy, place, timeout=3)
        await incoming.ack()


def message(body, happened):
    return aio_pika.Message(
        body,
        message_id=happened.get("id"),
        correlation_id=happened.get("correlationid"),
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def log(level, text, correlation=None):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": NAME, "msg": text}
    print(json.dumps({**line, "correlation_id": correlation}), flush=True)


async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


def run(routes, *background):
    """Serve the routes, and let each coroutine function of `background` run beside them."""

    async def beside(_app):
        tasks = [asyncio.create_task(work()) for work in background]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)

    app = web.Application()
    app.add_routes([*routes, web.get("/healthz", health), web.get("/readyz", health)])
    app.cleanup_ctx.append(beside)
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
