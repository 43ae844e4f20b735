"""What producers and consumers have in common: every wait has an end, and who is away is known to be.

librdkafka reconnects by itself, for ever and quietly. So whether there is a broker is asked where that matters: the
client says when it has lost all of them, and from then on it is asked once a second whether it has one again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException

log = logging.getLogger(__name__)

ASK_EVERY = 1.0
ASK_FOR = 1.0


class Client(Protocol):
    def list_topics(self, topic: str = ..., timeout: float = ...) -> Any: ...


def settings(bootstrap: str, name: str, on_error: Callable[[KafkaError], None]) -> dict[str, Any]:
    """How to connect."""
    return {
        "bootstrap.servers": bootstrap,
        "client.id": name,
        "socket.timeout.ms": 5_000,
        "socket.connection.setup.timeout.ms": 3_000,
        "reconnect.backoff.ms": 100,
        "reconnect.backoff.max.ms": 2_000,
        "topic.metadata.refresh.interval.ms": 5_000,
        "error_cb": on_error,
        "log_level": 2,  # what goes wrong is told by our own log lines
    }


class Contact:
    """Whether a client has a broker; `what` it wants one for."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._there = threading.Event()
        self._asked = 0.0
        self._cluster = ""
        self.broken = False
        """Whether the client is of no use any more and a new one is needed."""

    def __bool__(self) -> bool:
        return self._there.is_set()

    def failed(self, error: KafkaError) -> None:
        """librdkafka tells of an error; most of them it deals with by itself."""
        self.broken = self.broken or error.fatal()
        if (error.fatal() or error.code() == KafkaError._ALL_BROKERS_DOWN) and self._there.is_set():
            self._there.clear()
            log.warning("not %s: %s", self._what, error, extra={"event": "broker", "state": "lost"})

    def ended(self) -> None:
        """The client is given up."""
        self.broken, self._cluster = False, ""
        self._there.clear()

    def ask(self, client: Client) -> None:
        """Look whether there is a broker, if it is time to. If it belongs to another cluster than before (a restored
        one, say), what the client knows of partitions and offsets means nothing there."""
        if self or time.monotonic() - self._asked < ASK_EVERY:
            return
        with suppress(KafkaException):
            cluster = str(client.list_topics(timeout=ASK_FOR).cluster_id)
            self.broken = self.broken or self._cluster not in ("", cluster)
            self._cluster = cluster
            self._there.set()
            log.info("connected for %s", self._what, extra={"event": "broker", "state": "connected"})
        self._asked = time.monotonic()
