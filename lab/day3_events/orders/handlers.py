"""What orders does when it hears of something, or is told to do something."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging
from lab.chassis.retry import TryLater
from lab.day3_events.orders import saga
from lab.day3_events.orders.models import Customer, Order, Status

log = logging.getLogger(__name__)

CUSTOMERS = "orders.user-registered"
PAYMENTS = "orders.payment-result"
COMMANDS = "orders.commands"
SETTLED_BY: dict[str, Status] = {"order.confirm": "confirmed", "order.cancel": "cancelled"}
"""The commands of the orchestrator, and what each makes of an order."""


class UserRegistered(BaseModel):
    """Of what users tells, the part that orders needs."""

    user_id: str
    name: str = ""


class PaymentResult(BaseModel):
    """Data of `payment.approved` and `payment.declined`."""

    order_id: str
    reason: str = ""


class SettleOrder(BaseModel):
    """Data of `order.confirm` and `order.cancel`."""

    order_id: str
    reason: str = ""


class Handlers:
    def __init__(self, messaging: Messaging) -> None:
        self._messaging = messaging

    def subscribe(self, kind: str) -> None:
        """In a choreography orders draws its own conclusion from the payment; an orchestrator tells it what to do."""
        self._messaging.subscribe(CUSTOMERS, ["user.registered"], self.user_registered)
        if kind == "orchestration":
            self._messaging.subscribe(COMMANDS, list(SETTLED_BY), self.told_to_settle)
        else:
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

    def told_to_settle(self, event: Event) -> None:
        """The order's own state is what duplicates are known by: a command that finds it settled gets the answer
        repeated, for whoever asks again has not got it. It may be another answer than was hoped for, if the customer
        was faster."""
        command = payload(SettleOrder, event)
        with self._messaging.transaction() as transaction:
            order = transaction.session.get(Order, command.order_id, with_for_update=True)
            if order is None:
                raise TryLater(f"no order {command.order_id} here yet")
            if not saga.settle(transaction, order, SETTLED_BY[event.type], command.reason):
                transaction.announce_again("order.confirmed", "order.cancelled", entity=order.id)
