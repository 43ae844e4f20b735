"""Asking again about orders that stay pending: the end-to-end safety net under the whole saga.

Whatever was lost on the way (a message given up after all its tries, a queue that somebody deleted), an order must not
hang for ever. So for an order that is pending for too long, `order.created` is announced again, the same event under
the same id. Whoever hears of it then acts at last, or has decided long ago and repeats the answer. Pauses double, so
that a long outage does not end in a flood of reminders.
"""

from __future__ import annotations

import logging
import time

from sqlalchemy import select

from lab.chassis.messaging import Messaging
from lab.chassis.periodic import Periodic
from lab.day3_events.orders.models import Order

log = logging.getLogger(__name__)

_BATCH = 100
_LONGEST = 600.0


def reminder(messaging: Messaging, remind_after: float) -> Periodic:
    """Looks for such orders every few seconds."""
    return Periodic("reminder", min(5.0, remind_after / 2), lambda: remind(messaging, remind_after))


def remind(messaging: Messaging, remind_after: float) -> None:
    """Announce again what is pending for too long now."""
    now = time.time()
    overdue = select(Order).where(Order.status == "pending", Order.remind_at <= now).limit(_BATCH)
    with messaging.transaction() as transaction:
        orders = transaction.session.scalars(overdue.with_for_update()).all()
        for order in orders:
            order.reminders += 1
            order.remind_at = now + min(_LONGEST, remind_after * 2 ** min(order.reminders, 16))
            transaction.announce_again("order.created", entity=order.id)
    if orders:
        log.warning("asking again about %d pending orders", len(orders), extra={"event": "reminder"})
