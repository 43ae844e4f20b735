"""Orders in asyncio: aiohttp answers, aio-pika publishes with confirms over the connection that is open just now."""

import asyncio
import json
import os
import uuid
from datetime import UTC, datetime

import aio_pika
from aiohttp import web

CONFIRM = int(os.environ.get("CONFIRM_TIMEOUT_MS", "3000")) / 1000


class Line:
    """An open channel, opened anew when it is needed and not there."""

    def __init__(self):
        self._connection = None
        self._exchange = None
        self._turn = asyncio.Lock()

    async def exchange(self):
        async with self._turn:
            if self._exchange is None:
                self._connection = await aio_pika.connect(os.environ["AMQP_URL"], timeout=CONFIRM)
                channel = await self._connection.channel(publisher_confirms=True)
                self._exchange = await channel.declare_exchange("shop.events", "topic", durable=True)
                self._connection.close_callbacks.add(lambda *_: self.drop())
                channel.close_callbacks.add(lambda *_: self.drop())
            return self._exchange

    def drop(self):
        self._exchange = None


async def publish(line, event):
    """Try until the broker has said yes or time is up. Raises TimeoutError, or what the last attempt ended with."""
    message = aio_pika.Message(
        json.dumps(event).encode(),
        message_id=event["id"],
        correlation_id=event["correlationid"],
        content_type="application/cloudevents+json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    while True:
        try:
            exchange = await line.exchange()
            await exchange.publish(message, routing_key=event["type"], mandatory=False)
            return
        except aio_pika.exceptions.DeliveryError:
            raise
        except (aio_pika.exceptions.AMQPError, OSError, RuntimeError):
            line.drop()
            await asyncio.sleep(0.1)


async def order(request):
    wanted = await request.json()
    made = {"id": uuid.uuid4().hex, "user_id": wanted["user_id"], "amount": wanted["amount"]}
    event = {
        "specversion": "1.0",
        "id": uuid.uuid4().hex,
        "source": "/orders",
        "type": "order.created",
        "time": datetime.now(UTC).isoformat(),
        "correlationid": request.headers.get("X-Request-ID", ""),
        "data": {"order_id": made["id"], "user_id": made["user_id"], "amount": made["amount"]},
    }
    line = request.app["line"]
    try:
        await asyncio.wait_for(publish(line, event), CONFIRM)
    except (TimeoutError, aio_pika.exceptions.AMQPError):
        line.drop()
        problem = {"title": "Service Unavailable", "status": 503, "code": "broker_unavailable"}
        return web.json_response(problem, status=503, content_type="application/problem+json")
    return web.json_response(made, status=201)


async def health(_):
    return web.json_response({"status": "ready", "checks": {}})


app = web.Application()
app["line"] = Line()
app.add_routes([web.post("/orders", order), web.get("/healthz", health), web.get("/readyz", health)])

if __name__ == "__main__":
    web.run_app(app, host=os.environ["HOST"], port=int(os.environ["PORT"]), print=None)
