"""The three places where an event of ours can be, and how it gets from one to the next.

    shop.events ──▶ the queue ──▶ us ──permanent, or the last attempt──▶ <queue>.dlq
                       ▲           │
                       │           └──transient──▶ <queue>.retry.<ms> ──┐
                       └───────────────── after <ms> ──────────────────┘

The waiting is done by the broker: a queue that nobody consumes from, whose messages expire into the first queue. Nobody
of ours is blocked meanwhile, and nothing is forgotten when we are killed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pika
from pika.adapters.blocking_connection import BlockingChannel

EXCHANGE = "shop.events"

ATTEMPTS = "x-attempts"
"""The header that says how often this event was tried."""
ERROR = "x-error"
"""The header that says why it was parked."""
_OURS = (ATTEMPTS, ERROR)


@dataclass(frozen=True)
class Message:
    """A message in hand."""

    tag: int
    body: bytes
    properties: pika.BasicProperties

    @property
    def attempts(self) -> int:
        """How often it was tried before; what somebody else writes there is not ours."""
        count = (self.properties.headers or {}).get(ATTEMPTS)
        return count if isinstance(count, int) else 0


class Queues:
    """Every move publishes first, with a confirm, and acknowledges then: a crash in between makes two of one event, and
    never none. The channel is in confirm mode."""

    def __init__(self, queue: str, key: str, retry_delay_ms: int) -> None:
        self.main = queue
        self.dead = f"{queue}.dlq"
        # Arguments of a queue cannot be changed once it is there, so another delay is another queue.
        self.retry = f"{queue}.retry.{retry_delay_ms}"
        self._key = key
        self._delay_ms = retry_delay_ms

    def declare(self, channel: BlockingChannel) -> None:
        """All that we need; done again on every connection, because it may be gone."""
        back = {
            "x-message-ttl": self._delay_ms,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": self.main,
        }
        channel.exchange_declare(EXCHANGE, "topic", durable=True)
        channel.queue_declare(self.main, durable=True)
        channel.queue_declare(self.retry, durable=True, arguments=back)
        channel.queue_declare(self.dead, durable=True)
        channel.queue_bind(self.main, EXCHANGE, self._key)

    def try_later(self, channel: BlockingChannel, message: Message) -> None:
        self._move(channel, message, self.retry, {ATTEMPTS: message.attempts + 1})

    def park(self, channel: BlockingChannel, message: Message, error: str) -> None:
        self._move(channel, message, self.dead, {ATTEMPTS: message.attempts + 1, ERROR: error})

    def replay(self, channel: BlockingChannel) -> int:
        """Give each message that is parked now all its attempts again; how many there were. One that is parked again
        meanwhile is not touched a second time."""
        count: int = channel.queue_declare(self.dead, passive=True).method.message_count
        for done in range(count):
            method, properties, body = channel.basic_get(self.dead)
            if method is None:
                return done  # somebody else has taken it
            self._move(channel, Message(method.delivery_tag, body, properties), self.main, {})
        return count

    @staticmethod
    def _move(channel: BlockingChannel, message: Message, queue: str, headers: Mapping[str, Any]) -> None:
        """Body and properties stay as they are, but for our own headers and those of the broker's dead letters."""
        theirs = (message.properties.headers or {}).items()
        kept = {name: value for name, value in theirs if name not in _OURS and "-death" not in name}
        message.properties.headers = {**kept, **headers}
        message.properties.delivery_mode = pika.DeliveryMode.Persistent.value
        channel.basic_publish("", queue, message.body, message.properties)
        channel.basic_ack(message.tag)
