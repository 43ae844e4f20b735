"""A FastStream application: what follows an order, over a topic exchange. Prints `ready`, then what it handled."""

import asyncio
import os

from faststream import AckPolicy, FastStream
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitMessage, RabbitQueue

broker = RabbitBroker(f"amqp://guest:guest@127.0.0.1:{os.environ['CONFORMANCE_AMQP']}/", graceful_timeout=5)
app = FastStream(broker)
events = RabbitExchange("faststream.events", type=ExchangeType.TOPIC, durable=True)
dead = RabbitExchange("faststream.dead", type=ExchangeType.FANOUT, durable=True)
orders = RabbitQueue(
    "faststream.orders",
    durable=True,
    routing_key="order.*",
    arguments={"x-dead-letter-exchange": "faststream.dead"},
)


@broker.subscriber(orders, events)
@broker.publisher("faststream.confirmed")
async def on_order(order: dict[str, int]) -> dict[str, int]:
    print(f"order {order['id']}", flush=True)
    return {"confirmed": order["id"]}


@broker.subscriber("faststream.confirmed")
async def on_confirmed(body: dict[str, int]) -> None:
    print(f"confirmed {body['confirmed']}", flush=True)


@broker.subscriber(RabbitQueue("faststream.refunds", routing_key="refund.#"), events, ack_policy=AckPolicy.MANUAL)
async def on_refund(body: str, message: RabbitMessage) -> None:
    print(f"refund {body}{' again' if message.raw_message.redelivered else ''}", flush=True)
    if message.raw_message.redelivered:
        await message.ack()
    else:
        await message.nack()


@broker.subscriber(RabbitQueue("faststream.dead-letters", durable=True), dead)
async def on_dead(body: dict[str, int], message: RabbitMessage) -> None:
    death = message.headers["x-death"][0]
    print(f"dead {body} {death['reason']} of {death['queue']}", flush=True)


@broker.subscriber("faststream.double")
async def double(number: int) -> int:
    return number * 2


@app.after_startup
async def ready() -> None:
    print("ready", flush=True)


if __name__ == "__main__":
    asyncio.run(app.run())
