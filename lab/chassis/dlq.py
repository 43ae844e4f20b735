"""Giving parked messages another chance, once somebody has removed the reason why they were parked."""

from __future__ import annotations

from collections.abc import Iterable

import pika

from lab.chassis.broker import Outgoing, Publisher
from lab.chassis.connection import parameters
from lab.chassis.topology import QueueNames

_CONFIRM_WITHIN = 5.0


def replay(url: str, queues: Iterable[QueueNames], publisher: Publisher) -> int:
    """Move every message that is parked now back to its queue, as a first attempt. Returns how many.

    Each is published and confirmed before it is taken off, so a crash in between makes a copy, not a loss. What is
    parked again meanwhile is not taken a second time. Raises pika's AMQPError or publisher.NotPublished.
    """
    moved = 0
    connection = pika.BlockingConnection(parameters(url, "dead-letter replay"))
    try:
        channel = connection.channel()
        for names in queues:
            parked = channel.queue_declare(names.dead, passive=True).method.message_count
            for _ in range(parked):
                method, properties, body = channel.basic_get(names.dead)
                if method is None or properties is None or body is None:
                    break
                again = Outgoing("", names.queue, body, properties.message_id or "", properties.correlation_id or "")
                publisher.publish(again).result(_CONFIRM_WITHIN)
                channel.basic_ack(method.delivery_tag)
                moved += 1
        return moved
    finally:
        connection.close()
