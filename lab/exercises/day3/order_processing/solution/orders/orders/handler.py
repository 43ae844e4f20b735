"""What orders does when it hears that somebody has registered, or what became of a payment."""

from __future__ import annotations

import logging

from pydantic import BaseModel, Field

from lab.chassis.database import Database
from orders import saga
from orders.events import Event, Unreadable, payload
from orders.models import KnownUser, Order

log = logging.getLogger(__name__)

SETTLED_BY: dict[str, tuple[saga.End, str]] = {
    "payment.approved": ("confirmed", ""),
    "payment.declined": ("cancelled", "payment_declined"),
}
"""What each decision makes of a pending order, and the reason."""


class UserRegistered(BaseModel):
    """Data of `user.registered`, as far as orders needs it."""

    user_id: str = Field(min_length=1)


class PaymentDecided(BaseModel):
    """Data of `payment.approved` and `payment.declined`, as far as orders needs it."""

    order_id: str = Field(min_length=1)


class Users:
    """Hears of users; the consumer acknowledges after `handle` has returned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle(self, event: Event) -> None:
        """Keep whom we hear of; hearing it twice changes nothing."""
        if event.type != "user.registered":
            return
        registered = payload(UserRegistered, event)
        with self._database.write() as session:
            session.merge(KnownUser(id=registered.user_id))


class Payments:
    """Hears of payments; the consumer acknowledges after `handle` has returned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle(self, event: Event) -> None:
        """A payment was decided, and with it the order. An order that has ended stays as it is."""
        if event.type not in SETTLED_BY:
            return
        decided = payload(PaymentDecided, event)
        with self._database.write() as session:
            order = session.get(Order, decided.order_id, with_for_update=True)
            if order is None:
                # Our orders are here before anybody hears of them. Waiting for this one would be waiting for ever.
                raise Unreadable(f"{event.type} of an order {decided.order_id} that we never had")
            ended = saga.settle(session, order, *SETTLED_BY[event.type])
        if ended:
            log.info("order %s is %s", order.id, order.status)
        else:
            log.info("%s came too late: order %s is %s", event.type, order.id, order.status)
