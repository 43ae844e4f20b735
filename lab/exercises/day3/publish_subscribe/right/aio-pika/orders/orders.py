"""Orders: a robust connection of aio-pika keeps the list of known users."""

import asyncio
import json
import os
import sqlite3
import uuid

import aio_pika
from aiohttp import web

QUEUE, EXCHANGE, KEY = "orders.user-registered", "shop.events", "user.registered"


class Store:
    """One connection; each statement is a transaction of its own."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
        self.lock = asyncio.Lock()

    async def run(self, sql, *values):
        async with self.lock:
            return await asyncio.to_thread(lambda: self.db.execute(sql, values).fetchall())


async def open_store():
    store = Store(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    await store.run("CREATE TABLE IF NOT EXISTS known_users (id TEXT PRIMARY KEY)")
    await store.run("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, user_id TEXT, amount INTEGER)")
    return store


def user_of(body):
    """The id of the user who registered, or None where the message is about something else."""
    try:
        event = json.loads(body)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("type") != KEY or not isinstance(event.get("data"), dict):
        return None
    ident = event["data"].get("user_id")
    return ident if isinstance(ident, str) else None


async def listen(store, listening):
    connection = None
    while connection is None:
        try:
            connection = await aio_pika.connect_robust(os.environ["AMQP_URL"], reconnect_interval=0.5)
        except (aio_pika.exceptions.AMQPError, OSError):
            await asyncio.sleep(0.5)
    channel = await connection.channel()
    await channel.set_qos(int(os.environ.get("PREFETCH", "10")))
    exchange = await channel.declare_exchange(EXCHANGE, "topic", durable=True)
    queue = await channel.declare_queue(QUEUE, durable=True)
    await queue.bind(exchange, KEY)

    async def registered(message):
        user = user_of(message.body)
        while user is not None:
            try:
                await store.run("INSERT OR IGNORE INTO known_users VALUES (?)", user)
                break
            except sqlite3.OperationalError:  # somebody else is writing; nobody is forgotten for that
                await asyncio.sleep(0.2)
        await message.ack()

    await queue.consume(registered)
    listening.set()
    return connection


def problem(status, code):
    return web.json_response(
        {"title": code, "status": status, "code": code}, status=status, content_type="application/problem+json"
    )


async def main():
    store, listening = await open_store(), asyncio.Event()
    routes = web.RouteTableDef()

    @routes.post("/orders")
    async def place(request):
        try:
            sent = json.loads(await request.text())
        except ValueError:
            return problem(400, "no_json")
        user, amount = (sent.get("user_id"), sent.get("amount")) if isinstance(sent, dict) else (None, None)
        if not isinstance(user, str) or type(amount) is not int or not 0 < amount < 2**53:
            return problem(422, "bad_order")
        if not await store.run("SELECT 1 FROM known_users WHERE id = ?", user):
            return problem(422, "unknown_user")
        order = {"id": str(uuid.uuid4()), "user_id": user, "amount": amount}
        await store.run("INSERT INTO orders VALUES (?, ?, ?)", *order.values())
        return web.json_response(order, status=201)

    @routes.get("/healthz")
    async def alive(_request):
        return web.json_response({"status": "alive"})

    @routes.get("/readyz")
    async def ready(_request):
        # Before the queue is bound events pass by.
        if not listening.is_set():
            return web.json_response({"status": "unready", "checks": {"broker": "not yet"}}, status=503)
        return web.json_response({"status": "ready", "checks": {}})

    async def consumer(_app):
        task = asyncio.create_task(listen(store, listening))
        yield
        if task.done():
            await task.result().close()
        task.cancel()

    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(consumer)
    return app


if __name__ == "__main__":
    web.run_app(main(), host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
