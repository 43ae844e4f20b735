"""A sign of life, so that silence means something."""

from __future__ import annotations

import logging
import threading

from lab.chassis.database import Database
from users import outbox
from users.events import happened

log = logging.getLogger(__name__)


class Heartbeat:
    """A thread that announces `user.heartbeat`: until its `time`, everything has been told.

    It goes through the outbox like what really happened, and `time` is taken while nobody else can write. So whoever
    hears it has heard all changes before it; sent past the outbox, it could overtake one of them.
    """

    def __init__(self, database: Database, relay: outbox.Relay, seconds: float) -> None:
        self._database = database
        self._relay = relay
        self._seconds = seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(2)

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            if self._relay.check() is not None:
                continue  # nobody would hear it, and an outage would fill the outbox with them
            try:
                with self._database.write() as session:
                    outbox.announce(session, happened("user.heartbeat", "/users", {}))
            except Exception:
                log.exception("a heartbeat is missed")
