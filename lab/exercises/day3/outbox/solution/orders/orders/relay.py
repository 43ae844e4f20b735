"""The relay: carries events from the outbox to the broker, in order, until each is confirmed."""

from __future__ import annotations

import logging
import threading

from pika.exceptions import AMQPError

from lab.chassis.database import Database
from orders import outbox
from orders.events import Event
from orders.messaging import Publisher

log = logging.getLogger(__name__)

_POLL = 0.2
_TRY_AGAIN_AFTER = 0.5


class Relay:
    """A thread that owns the connection for publishing. It asks nobody what to send: the outbox knows, also after a
    crash, and also what another instance wrote that is no more."""

    def __init__(self, database: Database, url: str, name: str, holder: str) -> None:
        self._database = database
        self._url = url
        self._name = name
        self._holder = holder
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is not announced by now is announced after the next start."""
        self._stopping.set()
        self._thread.join(2)

    def check(self) -> str | None:
        """For `/readyz`."""
        return None if self._connected.is_set() else "not connected to the broker"

    def _run(self) -> None:
        """Neither a lost broker nor a locked database ends it: nobody would notice until the events are missed."""
        while not self._stopping.is_set():
            try:
                with Publisher(self._url, self._name) as publisher:
                    self._connected.set()
                    self._relay(publisher)
            except (AMQPError, OSError) as error:
                log.warning("no broker: %r", error, extra={"event": "broker", "state": "lost"})
            except Exception:
                log.exception("the relay failed and goes on")
            self._connected.clear()
            self._stopping.wait(_TRY_AGAIN_AFTER)

    def _relay(self, publisher: Publisher) -> None:
        while not self._stopping.is_set():
            events = self._next_batch()
            for event in events:
                # In this order. A crash between the two sends the event twice, under one id; the other way round it
                # would never be sent. An error leaves the rest for later, so that nothing overtakes.
                publisher.publish(event)
                with self._database.write() as session:
                    outbox.forget(session, event)
            if not events:
                publisher.idle(_POLL)

    def _next_batch(self) -> list[Event]:
        with self._database.read() as session:
            if not outbox.pending(session):
                return []
        with self._database.write() as session:
            return outbox.next_batch(session, self._holder)
