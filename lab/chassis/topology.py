"""What there is on the broker.

    shop.events ──(routing key = type)──▶ orders.payment-result ──▶ consumer
       topic, durable                        ▲            │ try again later      │ cannot be understood,
                                             │            ▼                      ▼ or tried too often
                                             └─ after n ms ─ orders.payment-result.retry.<n>   orders.payment-result.dlq

One retry queue for each delay: a queue lets its messages expire at the head only, so one long delay would hold up all
the short ones behind it. The delay is in the queue's name, because a queue cannot be declared again with another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lab.chassis.broker import EVENTS

EXCHANGE = EVENTS


class DeclaringChannel(Protocol):
    """The part of a channel that topology needs."""

    def exchange_declare(self, exchange: str, exchange_type: str, *, durable: bool) -> Any: ...
    def queue_declare(self, queue: str, *, durable: bool, arguments: dict[str, Any] | None = None) -> Any: ...
    def queue_bind(self, queue: str, exchange: str, routing_key: str) -> Any: ...


@dataclass(frozen=True)
class QueueNames:
    """A consumer's queue and what belongs to it."""

    queue: str
    delays_ms: Sequence[int]

    @property
    def dead(self) -> str:
        return f"{self.queue}.dlq"

    def delay(self, failures: int) -> int:
        """For how long a message waits that has failed so many times (1, 2...); the longest delay repeats."""
        return self.delays_ms[min(failures, len(self.delays_ms)) - 1]

    def retry(self, failures: int) -> str:
        """Where it waits."""
        return f"{self.queue}.retry.{self.delay(failures)}"


def declare(channel: DeclaringChannel, names: QueueNames, types: Sequence[str]) -> None:
    """Declare a consumer's queues and bind them to its event types; done again on every connection, because whoever
    keeps the broker may have lost or deleted them in the meantime."""
    channel.exchange_declare(EXCHANGE, "topic", durable=True)
    channel.queue_declare(names.queue, durable=True)
    for kind in types:
        channel.queue_bind(names.queue, EXCHANGE, kind)
    for failures, delay in enumerate(names.delays_ms, 1):
        back = {"x-message-ttl": delay, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": names.queue}
        channel.queue_declare(names.retry(failures), durable=True, arguments=back)
    channel.queue_declare(names.dead, durable=True)
