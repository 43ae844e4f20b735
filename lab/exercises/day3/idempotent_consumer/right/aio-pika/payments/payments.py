"""Payments in asyncio: aio-pika listens, aiohttp asks the provider and answers, sqlite3 remembers."""

import asyncio
import json
import os
import sqlite3
from datetime import UTC, datetime

import aio_pika
from aiohttp import ClientError, ClientSession, ClientTimeout, web

QUEUE = "payments.order-created"
PAUSE = 0.5


class Book:
    """The payments. What is in it was decided; the order's id is the key, so there is one for each."""

    def __init__(self, url):
        self._db = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=2, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._turn = asyncio.Lock()

    async def run(self, sql, *values):
        async with self._turn:
            return await asyncio.to_thread(self._run, sql, values)

    def _run(self, sql, values):
        with self._db:
            return [dict(row) for row in self._db.execute(sql, values)]

    async def open(self):
        await self.run(
            "CREATE TABLE IF NOT EXISTS payments"
            " (order_id TEXT PRIMARY KEY, amount INTEGER NOT NULL, status TEXT NOT NULL, charge_id TEXT)"
        )

    async def of(self, order):
        return await self.run("SELECT * FROM payments WHERE order_id = ?", order)

    async def write(self, *payment):
        await self.run("INSERT INTO payments VALUES (?, ?, ?, ?) ON CONFLICT (order_id) DO NOTHING", *payment)


def order_in(body):
    """The order's id and amount, or None where the message is not about a new order."""
    try:
        event = json.loads(body)
        order, amount = event["data"]["order_id"], event["data"]["amount"]
    except (ValueError, TypeError, KeyError):
        return None
    if event.get("type") != "order.created" or not isinstance(order, str) or type(amount) is not int:
        return None
    return order, amount


async def decide(provider, order, amount):
    """Ask until there is a decision. The key makes asking again harmless."""
    while True:
        try:
            async with provider.post(
                os.environ["PAYMENT_URL"] + "/charges",
                json={"order_id": order, "amount": amount},
                headers={"Idempotency-Key": order},
            ) as answer:
                if answer.status in (201, 402):
                    charge = await answer.json(content_type=None)
                    ident = charge.get("id") if isinstance(charge, dict) else None
                    return "approved" if answer.status == 201 else "declined", ident
                log(f"the provider answered {answer.status}", order)
        except (ClientError, TimeoutError, ValueError) as error:
            log(f"the provider has not answered: {error!r}", order)
        await asyncio.sleep(PAUSE)


async def handle(message, book, provider):
    wanted = order_in(message.body)
    if wanted is None:
        log("a message that is no new order is dropped", message.message_id)
    while wanted is not None:
        order, amount = wanted
        try:
            if not await book.of(order):
                await book.write(order, amount, *await decide(provider, order, amount))
            break
        except sqlite3.OperationalError as error:  # somebody else holds the lock
            log(f"the database is not free: {error}", order)
            await asyncio.sleep(PAUSE)
    await message.ack()


async def listen(book, provider):
    while True:
        try:
            connection = await aio_pika.connect(os.environ["AMQP_URL"])
            async with connection, asyncio.TaskGroup() as tasks:
                channel = await connection.channel()
                await channel.set_qos(prefetch_count=int(os.environ.get("PREFETCH", "10")))
                exchange = await channel.declare_exchange("shop.events", "topic", durable=True)
                queue = await channel.declare_queue(QUEUE, durable=True)
                await queue.bind(exchange, "order.created")
                async with queue.iterator() as messages:
                    async for message in messages:
                        tasks.create_task(handle(message, book, provider))
        except* (aio_pika.exceptions.AMQPError, aio_pika.exceptions.ChannelInvalidStateError, OSError) as lost:
            log(f"the broker is gone: {lost.exceptions[0]!r}")
        await asyncio.sleep(PAUSE)


def log(text, about=None):
    line = {"ts": datetime.now(UTC).isoformat(), "level": "info", "service": "payments", "msg": text}
    print(json.dumps({**line, "about": about}), flush=True)


async def application():
    book = Book(os.environ["DATABASE_URL"])
    await book.open()

    async def payments(request):
        return web.json_response({"items": await book.of(request.query.get("order_id", ""))})

    async def health(_request):
        return web.json_response({"status": "ready", "checks": {}})

    async def consumer(_app):
        limit = ClientTimeout(total=int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000)
        async with ClientSession(timeout=limit) as provider:
            listening = asyncio.create_task(listen(book, provider))
            yield
            listening.cancel()
            await asyncio.wait([listening])

    app = web.Application()
    app.add_routes([web.get("/payments", payments), web.get("/healthz", health), web.get("/readyz", health)])
    app.cleanup_ctx.append(consumer)
    return app


if __name__ == "__main__":
    web.run_app(application(), host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
