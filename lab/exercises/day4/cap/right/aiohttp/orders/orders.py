"""Orders: asks users while they answer, and writes down what it was told; what it has written down is the rest."""

import asyncio
import contextlib
import json
import os
import sqlite3
import time
import uuid
from datetime import UTC, datetime

import aio_pika
import aiohttp
from aiohttp import web

PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
USERS = os.environ["USERS_URL"]
TIMEOUT = int(os.environ["HTTP_TIMEOUT_MS"]) / 1000
STALE_AFTER = int(os.environ["STALE_AFTER_MS"]) / 1000
QUEUE, EXCHANGE = "orders.users", "shop.events"
FAILURES = (aiohttp.ClientError, OSError, TimeoutError, ValueError)
routes = web.RouteTableDef()


class Notes:
    """What is known of each user: the newest version, and the last moment at which it was the newest."""

    def __init__(self):
        self.db = sqlite3.connect(PATH, timeout=5, isolation_level=None, check_same_thread=False)
        self.db.execute(
            "CREATE TABLE IF NOT EXISTS notes"
            " (id TEXT PRIMARY KEY, name TEXT, balance INTEGER, version INTEGER, at REAL)"
        )

    def take(self, user, at):
        self.db.execute(
            "INSERT INTO notes VALUES (:id, :name, :balance, :version, :at) ON CONFLICT (id) DO UPDATE SET"
            " name = excluded.name, balance = excluded.balance, version = excluded.version, at = max(at, excluded.at)"
            " WHERE excluded.version >= version",
            {**user, "at": at},
        )

    def of(self, ident):
        return self.db.execute("SELECT name, balance, at FROM notes WHERE id = ?", (ident,)).fetchone()


notes = Notes()


def problem(status, code, **headers):
    return web.json_response(
        {"title": code, "status": status, "code": code},
        status=status,
        content_type="application/problem+json",
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


@routes.get("/users/{id}/summary")
async def summary(request):
    ident, asked = request.match_info["id"], time.time()
    with contextlib.suppress(*FAILURES):
        async with request.app["session"].get(f"{USERS}/users/{ident}") as answer:
            if answer.status == 200:
                notes.take(await answer.json(), asked)
    known = notes.of(ident)
    if known is None:
        return problem(404, "unknown_user")
    name, balance, at = known
    as_of = datetime.fromtimestamp(at, UTC).isoformat()
    return web.json_response(
        {"name": name, "balance": balance, "stale": time.time() - at > STALE_AFTER, "as_of": as_of}
    )


@routes.post("/withdrawals")
async def withdraw(request):
    key = request.headers.get("Idempotency-Key")
    if not key:
        return problem(400, "idempotency_key_missing")
    sent = await request.json()
    wish = {"amount": sent["amount"], "until": time.time() + TIMEOUT}
    try:
        async with request.app["session"].post(
            f"{USERS}/users/{sent['user_id']}/withdraw", json=wish, headers={"Idempotency-Key": key}
        ) as answer:
            said = await answer.json(content_type=None)
            status = answer.status
    except FAILURES:
        return problem(503, "partitioned", Retry_After="1")
    if status == 201:
        return web.json_response(said, status=201)
    if status in (404, 409) and said["code"] in ("unknown_user", "insufficient_funds"):
        return problem(status, said["code"])
    return problem(503, "partitioned", Retry_After="1")


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def listen():
    while True:
        try:
            connection = await aio_pika.connect(os.environ["AMQP_URL"], timeout=3)
            async with connection:
                channel = await connection.channel()
                await channel.set_qos(int(os.environ["PREFETCH"]))
                exchange = await channel.declare_exchange(EXCHANGE, "topic", durable=True)
                queue = await channel.declare_queue(QUEUE, durable=True)
                await queue.bind(exchange, "user.*")
                async with queue.iterator() as messages:
                    async for message in messages:
                        event = json.loads(message.body)
                        notes.take(event["data"], datetime.fromisoformat(event["time"]).timestamp())
                        await message.ack()
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError) as error:
            print(json.dumps({"level": "warn", "service": "orders", "msg": repr(error)}), flush=True)
        await asyncio.sleep(0.3)


async def background(app):
    app["session"] = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT), headers={"X-Request-ID": uuid.uuid4().hex}
    )
    task = asyncio.create_task(listen())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await app["session"].close()


if __name__ == "__main__":
    app = web.Application()
    app.add_routes(routes)
    app.cleanup_ctx.append(background)
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
