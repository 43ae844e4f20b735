"""What orders does when it hears of something."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging
from lab.chassis.retry import TryLater
from lab.day3_events.orders import saga
from lab.day3_events.orders.models import Customer, Order

log = logging.getLogger(__name__)

CUSTOMERS = "orders.user-registered"
PAYMENTS = "orders.payment-result"


class UserRegistered(BaseModel):
    """Of what users tells, the part that orders needs."""

    user_id: str
    name: str = ""


class PaymentResult(BaseModel):
    """Data of `payment.approved` and `payment.declined`."""

    order_id: str
    reason: str = ""


class Handlers:
    def __init__(self, messaging: Messaging) -> None:
        self._messaging = messaging

    def subscribe(self) -> None:
        self._messaging.subscribe(CUSTOMERS, ["user.registered"], self.user_registered)
        self._messaging.subscribe(PAYMENTS, ["payment.approved", "payment.declined"], self.payment_decided)

    def user_registered(self, event: Event) -> None:
        user = payload(UserRegistered, event)
        with self._messaging.transaction() as transaction:
            if transaction.first_time(CUSTOMERS, event):
                transaction.session.merge(Customer(id=user.user_id, name=user.name))

    def payment_decided(self, event: Event) -> None:
        """A payment for an order that was cancelled meanwhile changes nothing here: payments hears of the cancelling
        too, and gives the money back."""
        result = payload(PaymentResult, event)
        with self._messaging.transaction() as transaction:
            order = transaction.session.get(Order, result.order_id, with_for_update=True)
            if order is None:
                raise TryLater(f"no order {result.order_id} here yet")
            if not transaction.first_time(PAYMENTS, event):
                return
            if event.type == "payment.approved":
                settled = saga.settle(transaction, order, "confirmed")
            else:
                settled = saga.settle(transaction, order, "cancelled", result.reason or "payment_declined")
        if not settled:
            log.info("%s came too late: order %s is %s", event.type, order.id, order.status, extra={"event": "late"})
