"""Notifications in asyncio: a task for each message in hand, and one that keeps the connection."""

import asyncio
import json
import os
from datetime import UTC, datetime

import aio_pika
from aiohttp import ClientError, ClientSession, ClientTimeout, web

QUEUE = "notifications.order-created"
IN_HAND = set()


def say(text):
    stamp = datetime.now(UTC).isoformat()
    print(json.dumps({"ts": stamp, "level": "info", "service": "notifications", "msg": text}), flush=True)


async def mail(mailer, order, user):
    async with mailer.post(
        os.environ["NOTIFY_URL"] + "/notify",
        json={"user_id": user, "template": "order_created", "order_id": order},
        headers={"Idempotency-Key": order},
    ) as answer:
        return answer.status == 202


async def handle(mailer, message):
    try:
        event = json.loads(message.body)
        kind, order, user = event["type"], event["data"]["order_id"], event["data"]["user_id"]
    except (ValueError, TypeError, KeyError):
        say(f"unreadable: {message.body[:60]!r}")
        await message.reject(requeue=False)
        return
    try:
        done = kind != "order.created" or await mail(mailer, order, user)
    except (TimeoutError, ClientError, OSError) as error:
        say(f"no mail about {order}: {error!r}")
        done = False
    if done:
        await message.ack()
    else:
        await asyncio.sleep(0.3)
        await message.nack(requeue=True)


async def consume(mailer):
    while True:
        try:
            connection = await aio_pika.connect(os.environ["AMQP_URL"], timeout=3)
            async with connection:
                channel = await connection.channel()
                await channel.set_qos(int(os.environ.get("PREFETCH", "10")))
                exchange = await channel.declare_exchange("shop.events", "topic", durable=True)
                queue = await channel.declare_queue(QUEUE, durable=True)
                await queue.bind(exchange, "order.created")
                await queue.consume(lambda message: start(handle(mailer, message)))
                while True:  # fails when the connection, the channel or the queue is gone
                    await asyncio.sleep(0.7)
                    await asyncio.wait_for(channel.declare_queue(QUEUE, durable=True, passive=True), 3)
        except (TimeoutError, aio_pika.exceptions.AMQPError, OSError, RuntimeError) as error:
            say(f"the broker: {error!r}")
        await asyncio.sleep(0.3)


async def start(work):
    task = asyncio.ensure_future(work)
    IN_HAND.add(task)
    task.add_done_callback(IN_HAND.discard)


async def health(_):
    return web.json_response({"status": "ready", "checks": {}})


async def lifespan(app):
    async with ClientSession(
        timeout=ClientTimeout(total=int(os.environ.get("HTTP_TIMEOUT_MS", "20000")) / 1000)
    ) as own:
        consuming = asyncio.ensure_future(consume(own))
        yield
        consuming.cancel()


app = web.Application()
app.cleanup_ctx.append(lifespan)
app.add_routes([web.get("/healthz", health), web.get("/readyz", health)])

if __name__ == "__main__":
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None)
