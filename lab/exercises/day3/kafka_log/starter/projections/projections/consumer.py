"""Consuming from the log as a member of a group: a thread that begins again for ever."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer as Client
from confluent_kafka import KafkaException

from lab.chassis.ids import correlated
from projections.events import Event, parse

log = logging.getLogger(__name__)

TOPIC = "shop.orders"
POLL = 0.2
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
            # TODO: by default the client commits every five seconds what it has handed out, and a group that has
            # committed nothing yet begins at the end of the log. Is that what we want?
        }
        self._handle = handle
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
                    log.warning("cannot fetch: %s", error)
                    continue
                # TODO: what if the record cannot be read? What if the mailer does not answer? And when may the group
                # be told that we are past it?
                event = parse(record.value())
                with correlated(event.correlationid):
                    self._handle(event)
        except KafkaException as error:
            log.warning("not consuming: %s", error, extra={"event": "broker"})
        finally:
            client.close()
