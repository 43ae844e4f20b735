"""Notifications in asyncio, with the broker's own dead lettering: a rejected message waits in a queue from which it
expires back, and `x-death` counts how often that has happened."""

import asyncio
import json
import os
from datetime import UTC, datetime

import aio_pika
from aiohttp import ClientError, ClientSession, ClientTimeout, web

QUEUE = "notifications.order-created"
WAITING = QUEUE + ".waiting"
DEAD = QUEUE + ".dlq"
MOST = int(os.environ.get("MAX_DELIVERIES", "5"))
DELAY = int(os.environ.get("RETRY_DELAY_MS", "1000"))
TROUBLE = (TimeoutError, aio_pika.exceptions.AMQPError, OSError, RuntimeError)
IN_HAND = set()


class Permanent(Exception):
    """It will never work."""


def say(text):
    stamp = datetime.now(UTC).isoformat()
    print(json.dumps({"ts": stamp, "level": "info", "service": "notifications", "msg": text}), flush=True)


def tried(message):
    """How often it was rejected from our queue before."""
    deaths = message.headers.get("x-death") or []
    return sum(death.get("count", 1) for death in deaths if death["queue"] == QUEUE and death["reason"] == "rejected")


async def declare(channel):
    exchange = await channel.declare_exchange("shop.events", "topic", durable=True)
    again = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": WAITING}
    back = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": QUEUE, "x-message-ttl": DELAY}
    queue = await channel.declare_queue(QUEUE, durable=True, arguments=again)
    await queue.bind(exchange, "order.created")
    await channel.declare_queue(WAITING, durable=True, arguments=back)
    await channel.declare_queue(DEAD, durable=True)
    return queue


async def mail(mailer, body):
    """Raises Permanent, or what may go away."""
    try:
        event = json.loads(body)
        kind, order, user = event["type"], event["data"]["order_id"], event["data"]["user_id"]
    except (ValueError, TypeError, KeyError) as error:
        raise Permanent(f"unreadable: {error!r}") from error
    if kind != "order.created":
        return
    async with mailer.post(
        os.environ["NOTIFY_URL"] + "/notify",
        json={"user_id": user, "template": "order_created", "order_id": order},
        headers={"Idempotency-Key": order},
    ) as answer:
        if 400 <= answer.status < 500:
            raise Permanent(f"the mailer says {answer.status}")
        if answer.status != 202:
            raise ClientError(f"the mailer says {answer.status}")


def copy(message, headers):
    return aio_pika.Message(
        message.body,
        headers=headers,
        message_id=message.message_id,
        correlation_id=message.correlation_id,
        content_type=message.content_type,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


async def handle(channel, mailer, message):
    try:
        await mail(mailer, message.body)
    except Permanent as error:
        reason = str(error)
    except (ClientError, OSError, TimeoutError) as error:
        if tried(message) + 1 < MOST:
            await message.reject(requeue=False)
            return
        reason = repr(error)
    else:
        await message.ack()
        return
    say(f"parked: {reason}")
    await channel.default_exchange.publish(copy(message, {**message.headers, "x-error": reason}), DEAD)
    await message.ack()


async def safely(work, lost):
    try:
        await work
    except TROUBLE as error:
        say(f"not settled: {error!r}")
        lost.set()


def start(work, lost):
    task = asyncio.ensure_future(safely(work, lost))
    IN_HAND.add(task)
    task.add_done_callback(IN_HAND.discard)


async def consume(mailer):
    while True:
        try:
            async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=3) as connection:
                channel = await connection.channel()
                await channel.set_qos(int(os.environ.get("PREFETCH", "10")))
                queue = await declare(channel)
                await listen(connection, channel, queue, mailer)
        except TROUBLE as error:
            say(f"the broker: {error!r}")
        await asyncio.sleep(0.3)


async def listen(connection, channel, queue, mailer):
    """Until the connection or the channel ends."""
    lost = asyncio.Event()
    connection.close_callbacks.add(lambda *_: lost.set())
    channel.close_callbacks.add(lambda *_: lost.set())

    async def received(message):
        start(handle(channel, mailer, message), lost)

    await queue.consume(received)
    await lost.wait()


async def replay(_):
    """Each message that is there now, once."""
    try:
        async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=3) as connection:
            channel = await connection.channel()
            await declare(channel)
            parked = await channel.declare_queue(DEAD, durable=True, passive=True)
            count = 0
            for _ in range(parked.declaration_result.message_count):
                message = await parked.get(fail=False)
                if message is None:
                    break
                kept = {name: value for name, value in message.headers.items() if not name.startswith("x-")}
                await channel.default_exchange.publish(copy(message, kept), QUEUE)
                await message.ack()
                count += 1
    except TROUBLE as error:
        return web.json_response({"title": repr(error), "status": 503, "code": "broker_unavailable"}, status=503)
    return web.json_response({"replayed": count})


async def health(_):
    return web.json_response({"status": "ready", "checks": {}})


async def lifespan(_):
    limit = int(os.environ.get("HTTP_TIMEOUT_MS", "2000")) / 1000
    async with ClientSession(timeout=ClientTimeout(total=limit)) as mailer:
        consuming = asyncio.ensure_future(consume(mailer))
        yield
        consuming.cancel()


app = web.Application()
app.cleanup_ctx.append(lifespan)
app.add_routes(
    [web.get("/healthz", health), web.get("/readyz", health), web.post("/admin/dlq/replay", replay)],
)

if __name__ == "__main__":
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None)
