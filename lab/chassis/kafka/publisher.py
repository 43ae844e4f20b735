"""Publishing to Kafka from any thread, with the brokers' confirm as the result.

- `acks=all`: a record is confirmed when every replica that keeps up has it, not when the leader alone does.
- `enable.idempotence`: what the client sends again by itself, because a confirm was lost, is stored once. That ends
  with the client: an event that the outbox announces again is a second record, and consumers must know it.
- The key decides the partition, and only within a partition is there an order: so it is the entity that is told of.
"""

from __future__ import annotations

import logging
import threading
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from lab.chassis import metrics
from lab.chassis.broker import Confirmed, NotPublished, Outgoing
from lab.chassis.kafka.client import Contact, settings
from lab.chassis.kafka.record import headers

log = logging.getLogger(__name__)

CONFIRM_WITHIN_MS = 4_000
"""Less than the outbox' lease, so that an event is not in the client's hands twice."""
POLL = 0.1


class Publisher:
    """Keeps a producer, and a thread to which the brokers' answers come."""

    def __init__(self, bootstrap: str, name: str) -> None:
        self._settings = {
            **settings(bootstrap, f"{name} publisher", self._on_error),
            "acks": "all",
            "enable.idempotence": True,
            "delivery.timeout.ms": CONFIRM_WITHIN_MS,
            "linger.ms": 5,
            "partitioner": "murmur2_random",  # as clients in Java do it: the same key, the same partition
        }
        self._contact = Contact("publishing")
        self._stopping = threading.Event()
        self._producer: Producer | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Wait a moment for confirms under way; what is not confirmed by then fails."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(3)

    @property
    def connected(self) -> bool:
        return bool(self._contact)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self.connected else "no connection for publishing"

    def publish(self, message: Outgoing) -> Confirmed:
        """Hand a message over. The future is done when the brokers have confirmed it, or fails with NotPublished."""
        future = Confirmed()
        producer = self._producer
        if producer is None or not self.connected:
            _settle(future, NotPublished("no connection to the broker"))
            return future
        try:
            producer.produce(
                message.exchange or message.routing_key,
                message.body,
                key=message.key or message.message_id,
                headers=headers(message),
                on_delivery=partial(_on_delivery, future),
            )
        except (BufferError, KafkaException) as error:
            _settle(future, NotPublished(str(error)))
        return future

    def _on_error(self, error: KafkaError) -> None:
        self._contact.failed(error)

    # -- the owner's thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._live_once()
            except Exception:
                log.exception("the producer broke down")
                self._stopping.wait(1)

    def _live_once(self) -> None:
        """One producer, until it is of no use any more."""
        producer = self._producer = Producer(self._settings)
        try:
            while not (self._stopping.is_set() or self._contact.broken):
                producer.poll(POLL)
                self._contact.ask(producer)
        finally:
            self._producer = None
            self._contact.ended()
            if producer.flush(2):
                producer.purge()
                producer.flush(0)


def _on_delivery(future: Confirmed, error: KafkaError | None, _record: Record) -> None:
    _settle(future, NotPublished(error.str()) if error is not None else None)


def _settle(future: Confirmed, error: NotPublished | None) -> None:
    metrics.PUBLISHED.labels(type(error).__name__ if error else "confirmed").inc()
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
