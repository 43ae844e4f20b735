"""Users: aiohttp before, aio-pika behind, and a queue in memory between them."""

import asyncio
import contextlib
import json
import os
import sqlite3
import uuid
from datetime import UTC, datetime

import aio_pika
from aiohttp import web

app = web.Application()
routes = web.RouteTableDef()
PATH = os.environ["DATABASE_URL"].removeprefix("sqlite:///")
announcements = asyncio.Queue()


def database(sql, *values):
    with contextlib.closing(sqlite3.connect(PATH, timeout=3)) as connection, connection:
        connection.execute(sql, values)


def problem(status, code):
    return web.json_response(
        {"title": code, "status": status, "code": code}, status=status, content_type="application/problem+json"
    )


@routes.post("/users")
async def register(request):
    try:
        sent = await request.json()
        email, name = sent["email"], sent["name"]
    except (ValueError, TypeError, KeyError):
        return problem(422, "incomplete")
    if not isinstance(email, str) or not isinstance(name, str) or not email or not name:
        return problem(422, "no_text")
    user = {"id": str(uuid.uuid4()), "email": email, "name": name}
    try:
        await asyncio.to_thread(database, "INSERT INTO users VALUES (?, ?, ?)", *user.values())
    except sqlite3.IntegrityError:
        return problem(409, "email_taken")
    except sqlite3.OperationalError:
        return problem(503, "database_busy")
    request_id = request.headers.get("X-Request-ID") or uuid.uuid4().hex
    event = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/users",
        "type": "user.registered",
        "time": datetime.now(UTC).isoformat(),
        "correlationid": request_id,
        "datacontenttype": "application/json",
        "data": {"user_id": user["id"], "email": email, "name": name},
    }
    announcements.put_nowait(event)
    return web.json_response(user, status=201, headers={"X-Request-ID": request_id})


@routes.get("/healthz")
@routes.get("/readyz")
async def health(_request):
    return web.json_response({"status": "ready", "checks": {}})


async def announce():
    """Each event until it is confirmed, whatever becomes of the connection meanwhile."""
    event = await announcements.get()
    while True:
        try:
            connection = await aio_pika.connect(os.environ["AMQP_URL"], timeout=5)
            async with connection:
                channel = await connection.channel(publisher_confirms=True)
                exchange = await channel.declare_exchange("shop.events", aio_pika.ExchangeType.TOPIC, durable=True)
                while True:
                    await exchange.publish(message(event), event["type"], mandatory=False, timeout=5)
                    event = await announcements.get()
        except (aio_pika.exceptions.AMQPError, OSError, TimeoutError, RuntimeError) as error:
            log("warn", f"the broker is away: {error!r}")
            await asyncio.sleep(0.5)


def message(event):
    return aio_pika.Message(
        json.dumps(event).encode(),
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=event["id"],
        correlation_id=event["correlationid"],
    )


def log(level, text):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": "users", "msg": text}
    print(json.dumps(line), flush=True)


async def background(_app):
    task = asyncio.create_task(announce())
    yield
    # What is told is not forgotten at an orderly stop, if the broker is there.
    for _ in range(50):
        if announcements.empty():
            break
        await asyncio.sleep(0.1)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    database("CREATE TABLE IF NOT EXISTS users (id TEXT PRIMARY KEY, email TEXT UNIQUE NOT NULL, name TEXT NOT NULL)")
    app.add_routes(routes)
    app.cleanup_ctx.append(background)
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None, shutdown_timeout=3)
