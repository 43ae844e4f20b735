"""Announcing events in the background, so that nobody who registers has to wait for the broker.

What waits here waits in memory: it survives the broker's death, but not our own.
"""

from __future__ import annotations

import logging
import threading
from queue import Empty, SimpleQueue

from pika.exceptions import AMQPError

from users.events import Event
from users.messaging import Publisher

log = logging.getLogger(__name__)

_RECONNECT_AFTER = 0.5
_LAST_WORDS = 2.0
"""Seconds that a stop waits for what is still to be announced."""


class Announcer:
    """A thread that owns the connection for publishing. Other threads hand it events through a queue."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._waiting: SimpleQueue[Event] = SimpleQueue()
        self._unconfirmed: Event | None = None
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(_LAST_WORDS)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._connected.is_set() else "not connected to the broker"

    def announce(self, event: Event) -> None:
        """Take the event over; it goes out as soon as there is a broker. Returns at once."""
        self._waiting.put(event)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with Publisher(self._url, self._name) as publisher:
                    self._connected.set()
                    self._announce_all(publisher)
            except (AMQPError, OSError) as error:
                log.warning("no broker: %r", error, extra={"event": "broker", "state": "lost"})
            self._connected.clear()
            self._stopping.wait(_RECONNECT_AFTER)

    def _announce_all(self, publisher: Publisher) -> None:
        """Until we are told to stop and nothing is left. An event without a confirm is published again, on the next
        connection: better twice than never."""
        while True:
            if self._unconfirmed is None:
                self._unconfirmed = self._next()
            if self._unconfirmed is not None:
                publisher.publish(self._unconfirmed)
                self._unconfirmed = None
            elif self._stopping.is_set():
                return
            else:
                publisher.idle(0)

    def _next(self) -> Event | None:
        try:
            return self._waiting.get(timeout=0.2)
        except Empty:
            return None
