"""Asking again about orders that stay pending: the end-to-end safety net under the whole saga.

Whatever was lost on the way (a message given up after all its tries, a queue that somebody deleted), an order must not
hang for ever. So for an order that is pending for too long, `order.created` is announced again, the same event under
the same id. Payments then either charges at last, or has decided long ago and repeats its answer. Pauses double, so
that a long outage does not end in a flood of reminders.
"""

from __future__ import annotations

import logging
import threading
import time

from sqlalchemy import select

from lab.chassis.messaging import Messaging
from lab.day3_events.orders.models import Order

log = logging.getLogger(__name__)

_BATCH = 100
_LONGEST = 600.0


class Reminder:
    """A thread that looks for such orders every few seconds."""

    def __init__(self, messaging: Messaging, remind_after: float) -> None:
        self._messaging = messaging
        self._remind_after = remind_after
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reminder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(2)

    def _run(self) -> None:
        while not self._stopping.wait(min(5.0, self._remind_after / 2)):
            try:
                reminded = self.remind()
            except Exception:
                log.exception("the reminder failed and goes on")
            else:
                if reminded:
                    log.warning("reminding payments of %d pending orders", reminded, extra={"event": "reminder"})

    def remind(self) -> int:
        """Announce again what is pending for too long now. Returns how many orders that were."""
        now = time.time()
        overdue = select(Order).where(Order.status == "pending", Order.remind_at <= now).limit(_BATCH)
        with self._messaging.transaction() as transaction:
            orders = transaction.session.scalars(overdue.with_for_update()).all()
            for order in orders:
                order.reminders += 1
                order.remind_at = now + min(_LONGEST, self._remind_after * 2 ** min(order.reminders, 16))
                transaction.announce_again("order.created", entity=order.id)
        return len(orders)
