"""Users: each row knows which of its versions has been told; a task tells what is still untold."""

import asyncio
import contextlib
import json
import os
import sqlite3
import time
import uuid
from datetime import UTC, datetime

import aio_pika
from aiohttp import web

PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, balance INTEGER NOT NULL CHECK (balance >= 0),
    version INTEGER NOT NULL DEFAULT 1, told INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS takings (
    user_id TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (user_id, key)
);
"""
routes = web.RouteTableDef()
changed = asyncio.Event()


class Refused(Exception):
    def __init__(self, status, code):
        super().__init__(code)
        self.status, self.code = status, code


@contextlib.contextmanager
def transaction():
    with contextlib.closing(sqlite3.connect(PATH, timeout=5, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def view(db, ident):
    row = db.execute("SELECT id, name, balance, version FROM users WHERE id = ?", (ident,)).fetchone()
    if row is None:
        raise Refused(404, "unknown_user")
    return dict(row)


def register(name, balance):
    ident = uuid.uuid4().hex
    with transaction() as db:
        db.execute("INSERT INTO users (id, name, balance) VALUES (?, ?, ?)", (ident, name, balance))
        return view(db, ident)


def show(ident):
    with transaction() as db:
        return view(db, ident)


def rename(ident, name):
    with transaction() as db:
        db.execute("UPDATE users SET name = ?, version = version + 1 WHERE id = ?", (name, ident))
        return view(db, ident)


def take(ident, key, amount, until):
    with transaction() as db:
        view(db, ident)
        if done := db.execute("SELECT body FROM takings WHERE user_id = ? AND key = ?", (ident, key)).fetchone():
            return json.loads(done["body"])
        if until is not None and time.time() > until:
            raise Refused(409, "expired")
        taken = db.execute(
            "UPDATE users SET balance = balance - ?, version = version + 1 WHERE id = ? AND balance >= ?",
            (amount, ident, amount),
        )
        if not taken.rowcount:
            raise Refused(409, "insufficient_funds")
        body = {"id": uuid.uuid4().hex, "user_id": ident, "amount": amount, "balance": view(db, ident)["balance"]}
        db.execute("INSERT INTO takings VALUES (?, ?, ?)", (ident, key, json.dumps(body)))
        return body


def untold():
    with transaction() as db:
        return [dict(row) for row in db.execute("SELECT * FROM users WHERE version > told LIMIT 100")]


def tick_off(row):
    with transaction() as db:
        db.execute("UPDATE users SET told = max(told, ?) WHERE id = ?", (row["version"], row["id"]))


@routes.post("/users")
async def post(request):
    sent = await request.json()
    return web.json_response(await asyncio.to_thread(register, sent["name"], sent["balance"]), status=201)


@routes.get("/users/{id}")
async def get(request):
    return web.json_response(await asyncio.to_thread(show, request.match_info["id"]))


@routes.patch("/users/{id}")
async def patch(request):
    sent = await request.json()
    return web.json_response(await asyncio.to_thread(rename, request.match_info["id"], sent["name"]))


@routes.post("/users/{id}/withdraw")
async def withdraw(request):
    key = request.headers.get("Idempotency-Key")
    if not key:
        raise Refused(400, "idempotency_key_missing")
    sent = await request.json()
    body = await asyncio.to_thread(take, request.match_info["id"], key, sent["amount"], sent.get("until"))
    return web.json_response(body, status=201)


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


@web.middleware
async def refusals(request, handler):
    try:
        answer = await handler(request)
    except Refused as refused:
        return web.json_response(
            {"title": refused.code, "status": refused.status, "code": refused.code},
            status=refused.status,
            content_type="application/problem+json",
        )
    if request.method != "GET":
        changed.set()
    return answer


async def tell():
    while True:
        try:
            connection = await aio_pika.connect(os.environ["AMQP_URL"], timeout=3)
            async with connection:
                channel = await connection.channel(publisher_confirms=True)
                exchange = await channel.declare_exchange("shop.events", aio_pika.ExchangeType.TOPIC, durable=True)
                while True:
                    changed.clear()
                    for row in await asyncio.to_thread(untold):
                        await exchange.publish(message(row), "user.changed", mandatory=False, timeout=3)
                        await asyncio.to_thread(tick_off, row)
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), 1)
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError, sqlite3.Error) as error:
            print(json.dumps({"level": "warn", "service": "users", "msg": repr(error)}), flush=True)
            await asyncio.sleep(0.3)


def message(row):
    ident = uuid.uuid4().hex
    event = {
        "specversion": "1.0",
        "id": ident,
        "source": "/users",
        "type": "user.changed",
        "time": datetime.now(UTC).isoformat(),
        "data": {name: row[name] for name in ("id", "name", "balance", "version")},
    }
    return aio_pika.Message(
        json.dumps(event).encode(), delivery_mode=aio_pika.DeliveryMode.PERSISTENT, message_id=ident
    )


async def background(_app):
    task = asyncio.create_task(tell())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    with contextlib.closing(sqlite3.connect(PATH, timeout=5)) as opened:
        opened.executescript(SCHEMA)
    app = web.Application(middlewares=[refusals])
    app.add_routes(routes)
    app.cleanup_ctx.append(background)
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
