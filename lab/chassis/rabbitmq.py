"""RabbitMQ as a service's broker: a queue, with delay queues and dead letters, for each subscription."""

from __future__ import annotations

from collections.abc import Callable

from pika.exceptions import AMQPError

from lab.chassis import dlq
from lab.chassis.broker import NotPublished, Subscription
from lab.chassis.consumer import Consumer, Inlet
from lab.chassis.publisher import Publisher
from lab.chassis.retry import Retrying
from lab.chassis.settings import MessagingSettings
from lab.chassis.topology import QueueNames


class RabbitMQ:
    """See `broker.Broker`. `on_unreadable` is called with the id of a message and the queue where it was parked."""

    def __init__(self, settings: MessagingSettings, on_unreadable: Callable[[str, str], None]) -> None:
        self._settings = settings
        self._on_unreadable = on_unreadable
        self._inlets: list[Inlet] = []
        self.publisher = Publisher(settings.amqp_url, settings.service_name)
        self.consumer = Consumer(
            settings.amqp_url,
            settings.service_name,
            self._inlets,
            prefetch=settings.prefetch,
            workers=settings.workers,
        )

    def subscribe(self, subscription: Subscription) -> None:
        names = QueueNames(subscription.queue, self._settings.retry_delays_ms)
        handle = Retrying(
            names=names,
            types=frozenset(subscription.types),
            handler=subscription.handler,
            publisher=self.publisher,
            max_deliveries=self._settings.max_deliveries,
            on_unreadable=lambda event_id: self._on_unreadable(event_id, subscription.queue),
        )
        self._inlets.append(Inlet(names, subscription.types, handle))

    def replay(self) -> int:
        queues = [inlet.names for inlet in self._inlets]
        try:
            return dlq.replay(self._settings.amqp_url, queues, self.publisher)
        except (AMQPError, TimeoutError) as error:
            raise NotPublished(repr(error)) from error
