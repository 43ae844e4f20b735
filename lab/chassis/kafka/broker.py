"""Kafka as a service's broker: one topic for all events, one group for the service.

    shop.events ──▶ group `orders` ──────────▶ handler
      key = entity                             ▲  │  │ cannot be understood, or tried too often
            group `orders.retry` ──────────────┘  │  ▼
                    ▲                             │ orders.dlq
                    └── orders.retry ◀────────────┘ try again later

Every service reads the whole topic and passes over what is not for it: a log is not emptied by being read. A record
that fails is stored once more, in the service's own retry topic, and waits there until it is due; so it loses its place
in the order of its key, which handlers bear anyhow. A group shares out its partitions by their number, whatever their
topic: in one group for both topics, one of two instances could get all events, the other all that is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from lab.chassis.broker import EVENTS, Handle, Message, Subscription, Verdict
from lab.chassis.events import Event
from lab.chassis.kafka import dlq
from lab.chassis.kafka.client import settings as client_settings
from lab.chassis.kafka.consumer import Consumer
from lab.chassis.kafka.publisher import Publisher
from lab.chassis.retry import Retrying
from lab.chassis.settings import MessagingSettings
from lab.chassis.topology import QueueNames


class Topics(QueueNames):
    """A group's own topics: one for all that waits to be tried again, and one for dead letters."""

    def retry(self, failures: int = 0) -> str:  # noqa: ARG002 - however long it is to wait
        return f"{self.queue}.retry"


class Consumers:
    """Several consumers as one."""

    def __init__(self, consumers: Iterable[Consumer]) -> None:
        self._consumers = list(consumers)

    def start(self) -> None:
        for one in self._consumers:
            one.start()

    def stop(self) -> None:
        """Both leave at once: each may wait for its handlers."""
        with ThreadPoolExecutor(len(self._consumers)) as together:
            list(together.map(Consumer.stop, self._consumers))

    def check(self) -> str | None:
        """For `/readyz`."""
        return next((trouble for one in self._consumers if (trouble := one.check())), None)


class Kafka:
    """See `broker.Broker`. `on_unreadable` is called with the id of a message and the group that parked it."""

    def __init__(self, settings: MessagingSettings, on_unreadable: Callable[[str, str], None]) -> None:
        self._settings = settings
        self._on_unreadable = on_unreadable
        self._names = Topics(settings.service_name, settings.retry_delays_ms)
        self._subscriptions: list[Subscription] = []
        self._deal: Handle | None = None
        self.publisher = Publisher(settings.kafka_bootstrap, settings.service_name)
        self.consumer = Consumers(
            self._consumer(topic, group)
            for topic, group in ((EVENTS, settings.service_name), (self._names.retry(), self._names.retry()))
        )

    def _consumer(self, topic: str, group: str) -> Consumer:
        return Consumer(
            self._settings.kafka_bootstrap,
            group,
            topic,
            self._handle,
            prefetch=self._settings.prefetch,
            workers=self._settings.workers,
            session_timeout_ms=self._settings.kafka_session_timeout_ms,
        )

    def subscribe(self, subscription: Subscription) -> None:
        self._subscriptions.append(subscription)
        self._deal = Retrying(
            names=self._names,
            types=frozenset(kind for one in self._subscriptions for kind in one.types),
            handler=self._dispatch,
            publisher=self.publisher,
            max_deliveries=self._settings.max_deliveries,
            on_unreadable=lambda event_id: self._on_unreadable(event_id, self._names.queue),
        )

    def replay(self) -> int:
        client = client_settings(self._settings.kafka_bootstrap, "dead-letter replay", lambda _: None)
        return dlq.replay(client, self._names.dead, self._names.retry(), self.publisher)

    def _handle(self, message: Message) -> Verdict:
        return self._deal(message) if self._deal is not None else Verdict.ACK

    def _dispatch(self, event: Event) -> None:
        for subscription in self._subscriptions:
            if event.type in subscription.types:
                subscription.handler(event)
