"""Announcing what is in the outbox: claim, publish, and mark as sent only when the broker has confirmed.

Nothing here waits for a confirm. Confirms come back through a queue whenever they come; one that never comes is the
business of the lease in the outbox. So one lost confirm holds up nobody else's event.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from queue import Empty, SimpleQueue

from lab.chassis import metrics, outbox
from lab.chassis.broker import EVENTS, TRACEPARENT, Confirmed, Outgoing, Publisher
from lab.chassis.database import Database

log = logging.getLogger(__name__)

_BATCH = 50
_POLL = 0.5
"""Seconds between looks at the outbox when nobody calls: another instance may have written to it."""
_RETRY = 1.0
_TIDY = 10.0


class Relay:
    """A thread that announces. Several instances may run over one database."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher
        self._results: SimpleQueue[tuple[str, BaseException | None]] = SimpleQueue()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def notify(self) -> None:
        """There is something new in the outbox: look at once. Call it after the commit."""
        self._wake.set()

    def _run(self) -> None:
        tidied = time.monotonic()
        while not self._stopping.is_set():
            try:
                self._record_results()
                more = self._publisher.connected and self._announce() == _BATCH
                if time.monotonic() - tidied > _TIDY:
                    tidied = time.monotonic()
                    self._tidy()
            except Exception:  # a locked or lost database: the relay must outlive it
                log.exception("the relay failed and goes on")
                more = False
                self._stopping.wait(_RETRY)
            if not more:
                self._wake.wait(_POLL)
            self._wake.clear()
        self._record_results()

    def _announce(self) -> int:
        with self._database.write() as session:
            events = outbox.claim(session, _BATCH)
        for event in events:
            message = Outgoing(
                EVENTS,
                event.type,
                event.body.encode(),
                event.event_id,
                event.correlation,
                {TRACEPARENT: event.traceparent} if event.traceparent else {},
                key=event.entity,
            )
            self._publisher.publish(message).add_done_callback(partial(self._on_result, event.event_id))
        return len(events)

    def _on_result(self, event_id: str, future: Confirmed) -> None:
        """Called on the publisher's thread: only note it, the database is not for that thread to wait for."""
        self._results.put((event_id, future.exception()))
        self._wake.set()

    def _record_results(self) -> None:
        sent: list[str] = []
        failed: dict[str, BaseException] = {}
        while True:
            try:
                event_id, error = self._results.get_nowait()
            except Empty:
                break
            if error is None:
                sent.append(event_id)
            else:
                failed[event_id] = error
        if sent or failed:
            with self._database.write() as session:
                outbox.mark_sent(session, sent)
                outbox.mark_failed(session, failed, _RETRY)
        if failed:
            reason = next(iter(failed.values()))
            log.warning("%d events not announced yet: %s", len(failed), reason, extra={"event": "outbox"})

    def _tidy(self) -> None:
        with self._database.write() as session:
            outbox.forget_old(session)
            metrics.OUTBOX_PENDING.set(outbox.pending(session))
