"""Consuming from the log as a member of a group: a thread that begins again for ever.

A commit says "we have dealt with everything before this offset" of one partition. So records are handled one after the
other, and each is committed once its work is done: what was not committed comes again, to us or to whoever has the
partition then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaException, Message, TopicPartition

from lab.chassis.ids import correlated
from projections.deadletters import DeadLetters
from projections.events import Event, Unreadable, parse

log = logging.getLogger(__name__)

TOPIC = "shop.orders"
POLL = 0.2
TRY_AGAIN_AFTER = 0.5
BEGIN_AGAIN_AFTER = 0.5


class Consumer:
    """A thread that owns the client and calls `handle` with the event of one record after the other."""

    def __init__(self, bootstrap: str, group: str, handle: Callable[[Event], None], *, session_timeout_ms: int) -> None:
        self._settings: dict[str, Any] = {
            "bootstrap.servers": bootstrap,
            "client.id": "projections",
            "group.id": group,
            "session.timeout.ms": session_timeout_ms,
            "heartbeat.interval.ms": session_timeout_ms // 4,
            "fetch.wait.max.ms": 100,
            "log_level": 2,
            "enable.auto.commit": False,  # the default commits what was handed out, handled or not
            "auto.offset.reset": "earliest",  # a new group begins with the first event, not with the next one
        }
        self._handle = handle
        self._dead_letters = DeadLetters(bootstrap)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="consumer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the record in hand and leave the group, so that it need not wait for our session timeout."""
        self._stopping.set()
        self._thread.join(5)

    def _run(self) -> None:
        """Whatever goes wrong, begin again: a consumer whose thread has died looks alive from outside and is deaf."""
        while not self._stopping.is_set():
            try:
                self._consume()
            except Exception:
                log.exception("the consumer broke down")
                self._stopping.wait(BEGIN_AGAIN_AFTER)

    def _consume(self) -> None:
        client = Client(self._settings)
        try:
            client.subscribe([TOPIC])
            while not self._stopping.is_set():
                record = client.poll(POLL)
                if record is None:
                    continue
                if error := record.error():
                    log.warning("cannot fetch: %s", error, extra={"event": "broker"})
                elif self._dealt_with(record):
                    self._commit(client, record)
                else:
                    self._read_again(client, record)
                    self._stopping.wait(TRY_AGAIN_AFTER)
        finally:
            client.close()

    def _dealt_with(self, record: Message) -> bool:
        """Whether the group may be told that we are past the record."""
        try:
            event = parse(record.value())
            with correlated(event.correlationid):
                self._handle(event)
        except Unreadable as error:
            log.error("parked: %s", error, extra={"event": "parked"})
            return self._dead_letters.park(record)
        except Exception:
            log.exception("not handled, will be read again")
            return False
        return True

    def _commit(self, client: Client, record: Message) -> None:
        """If the group has gone on without us, somebody gets the record again, and the history knows it."""
        try:
            client.commit(record, asynchronous=False)
        except KafkaException as error:
            log.warning("not committed: %s", error, extra={"event": "commit"})

    def _read_again(self, client: Client, record: Message) -> None:
        """Go back to the record: what is behind it in its partition has to wait, for the order's sake."""
        try:
            client.seek(TopicPartition(record.topic() or TOPIC, record.partition() or 0, record.offset() or 0))
        except KafkaException as error:
            log.info("the partition has gone to somebody else: %s", error)
