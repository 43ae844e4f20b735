"""The outbox of 3.5: what happened and that it is to be told commit together, and a relay carries it to the broker.

There is one instance of the service, so there is one relay.
"""

from __future__ import annotations

import logging
import threading

from pika.exceptions import AMQPError
from sqlalchemy import Column, Integer, MetaData, Table, Text, delete, insert, select
from sqlalchemy.orm import Session

from lab.chassis.database import Database

from .events import Event
from .publishing import Publisher

log = logging.getLogger(__name__)

metadata = MetaData()
_outbox = Table(
    "outbox",
    metadata,
    Column("position", Integer, primary_key=True, autoincrement=True),
    Column("body", Text, nullable=False),
    sqlite_autoincrement=True,
)

_POLL = 0.05
_TRY_AGAIN_AFTER = 0.5


def announce(session: Session, event: Event) -> None:
    """Have `event` announced if, and only if, this transaction commits."""
    session.execute(insert(_outbox).values(body=event.model_dump_json()))


class Relay:
    """A thread that sends what stands in the outbox, the oldest first, and forgets it once the broker has it. After a
    crash it may send an event again, under the same id."""

    def __init__(self, database: Database, url: str, name: str) -> None:
        self._database = database
        self._url = url
        self._name = name
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
        while not self._stopping.is_set():
            try:
                with Publisher(self._url, self._name) as publisher:
                    self._connected.set()
                    self._carry(publisher)
            except (AMQPError, OSError) as error:
                log.warning("no broker: %r", error, extra={"event": "broker", "state": "lost"})
            except Exception:
                log.exception("the relay failed and goes on")
            self._connected.clear()
            self._stopping.wait(_TRY_AGAIN_AFTER)

    def _carry(self, publisher: Publisher) -> None:
        while not self._stopping.is_set():
            with self._database.read() as session:
                waiting = session.execute(select(_outbox).order_by(_outbox.c.position).limit(50)).all()
            for position, body in waiting:
                publisher.publish(Event.model_validate_json(body))
                with self._database.write() as session:
                    session.execute(delete(_outbox).where(_outbox.c.position == position))
            if not waiting:
                publisher.idle(_POLL)
