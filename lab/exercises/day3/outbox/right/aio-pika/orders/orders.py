"""Orders in asyncio. One relay of all instances works: the one that holds a lock on a file, which dies with it."""

import asyncio
import contextlib
import fcntl
import json
import os
import sqlite3
import uuid
from datetime import UTC, datetime

import aio_pika
from aiohttp import web

PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
SCHEMA = (
    "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, ref TEXT UNIQUE, amount INTEGER, status TEXT)",
    "CREATE TABLE IF NOT EXISTS outbox"
    " (place INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, event TEXT NOT NULL)",
)


class Refused(Exception):
    def __init__(self, status, code):
        self.status = status
        self.code = code


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


def note(db, kind, request_id, **data):
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/orders",
        "type": kind,
        "time": datetime.now(UTC).isoformat(),
        "correlationid": request_id,
        "data": data,
    }
    db.execute("INSERT INTO outbox (type, event) VALUES (?, ?)", (kind, json.dumps(event)))


def find(db, ident):
    order = db.execute("SELECT * FROM orders WHERE id = ?", (ident,)).fetchone()
    if order is None:
        raise Refused(404, "unknown_order")
    return dict(order)


async def place(request):
    try:
        sent = await request.json()
    except ValueError:
        raise Refused(400, "no_json") from None
    ref, amount = (sent.get("ref"), sent.get("amount")) if isinstance(sent, dict) else (None, None)
    if not isinstance(ref, str) or not ref or type(amount) is not int or not 0 < amount < 2**53:
        raise Refused(422, "bad_order")
    order = {"id": str(uuid.uuid4()), "ref": ref, "amount": amount, "status": "pending"}

    def work(db):
        try:
            db.execute("INSERT INTO orders VALUES (:id, :ref, :amount, :status)", order)
        except sqlite3.IntegrityError:
            raise Refused(409, "duplicate_ref") from None
        note(db, "order.created", request["id"], order_id=order["id"], ref=ref, amount=amount)

    await transaction(work)
    return web.json_response(order, status=201)


async def cancel(request):
    ident = request.match_info["id"]

    def work(db):
        order = find(db, ident)
        if order["status"] == "cancelled":
            raise Refused(409, "already_cancelled")
        db.execute("UPDATE orders SET status = 'cancelled' WHERE id = ?", (ident,))
        note(db, "order.cancelled", request["id"], order_id=ident)
        return {**order, "status": "cancelled"}

    return web.json_response(await transaction(work))


async def show(request):
    return web.json_response(await transaction(lambda db: find(db, request.match_info["id"])))


async def outbox(_request):
    return web.json_response(
        {"pending": await transaction(lambda db: db.execute("SELECT count(*) FROM outbox").fetchone()[0])}
    )


async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


@web.middleware
async def polite(request, handler):
    request["id"] = request.headers.get("X-Request-ID") or str(uuid.uuid4())
    try:
        answer = await handler(request)
    except Refused as why:
        answer = web.json_response({"title": why.code, "status": why.status, "code": why.code}, status=why.status)
        answer.content_type = "application/problem+json"
    answer.headers["X-Request-ID"] = request["id"]
    log("info", f"{request.method} {request.path} {answer.status}", request["id"])
    return answer


async def relay():
    lock = os.open(PATH + ".relay", os.O_CREAT | os.O_RDWR)
    while not alone(lock):  # noqa: ASYNC110 - a lock on a file wakes nobody
        await asyncio.sleep(0.3)
    while True:
        try:
            async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=3) as connection:
                channel = await connection.channel()
                exchange = await channel.declare_exchange("shop.events", "topic", durable=True)
                while True:
                    await carry(exchange)
        except (aio_pika.exceptions.AMQPError, OSError, RuntimeError, sqlite3.OperationalError) as error:
            log("warn", f"the relay begins anew: {error!r}")
            await asyncio.sleep(0.5)


def alone(lock):
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def carry(exchange):
    """The oldest events, one after the other; each is forgotten when the broker has confirmed it."""
    rows = await transaction(lambda db: db.execute("SELECT * FROM outbox ORDER BY place LIMIT 20").fetchall())
    for row in rows:
        event = json.loads(row["event"])
        message = aio_pika.Message(
            row["event"].encode(),
            message_id=event["id"],
            correlation_id=event["correlationid"],
            content_type="application/cloudevents+json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await exchange.publish(message, row["type"], mandatory=False, timeout=3)
        await transaction(
            lambda db, place=row["place"]: db.execute("DELETE FROM outbox WHERE place = ?", (place,)).close()
        )
    if not rows:
        await asyncio.sleep(0.2)


def log(level, text, request_id=None):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "orders", "msg": text}
    print(json.dumps({**line, "request_id": request_id}), flush=True)


async def application():
    await transaction(lambda db: [db.execute(table).close() for table in SCHEMA])

    async def relaying(_app):
        task = asyncio.create_task(relay())
        yield
        task.cancel()
        await asyncio.wait([task])

    app = web.Application(middlewares=[polite])
    app.add_routes(
        [
            web.post("/orders", place),
            web.post("/orders/{id}/cancel", cancel),
            web.get("/orders/{id}", show),
            web.get("/admin/outbox", outbox),
            web.get("/healthz", health),
            web.get("/readyz", health),
        ]
    )
    app.cleanup_ctx.append(relaying)
    return app


if __name__ == "__main__":
    web.run_app(application(), host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
