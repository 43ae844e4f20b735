"""What payments does when it hears of something. No transaction is open while the provider is asked: the database must
not wait for somebody else's network."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.database import insert_missing
from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging
from lab.day3_events.payments.models import Payment
from lab.day3_events.payments.provider import Approved, Declined, Provider

log = logging.getLogger(__name__)


class OrderCreated(BaseModel):
    order_id: str
    amount: int


class OrderCancelled(BaseModel):
    order_id: str


class PaymentApproved(BaseModel):
    order_id: str
    amount: int
    charge_id: str


class PaymentDeclined(BaseModel):
    order_id: str
    amount: int
    reason: str


class Handlers:
    """There is one payment an order, so the order's id is what duplicates are known by here. That is stronger than the
    event's id: it also holds against a second event about the same order."""

    def __init__(self, messaging: Messaging, provider: Provider) -> None:
        self._messaging = messaging
        self._provider = provider

    def subscribe(self) -> None:
        self._messaging.subscribe("payments.order-created", ["order.created"], self.order_created)
        self._messaging.subscribe("payments.order-cancelled", ["order.cancelled"], self.order_cancelled)

    def order_created(self, event: Event) -> None:
        """Charge, unless this is decided."""
        order = payload(OrderCreated, event)
        if self._begin(order):
            self._record(order.order_id, self._provider.charge(order.order_id, order.amount))

    def order_cancelled(self, event: Event) -> None:
        """Compensate: give back what was, or may have been, charged."""
        order_id = payload(OrderCancelled, event).order_id
        with self._messaging.transaction() as transaction:
            # If the cancelling overtook the order: see that nothing is charged when that arrives.
            insert_missing(transaction.session, Payment, order_id=order_id, amount=0, status="void")
            payment = transaction.session.get_one(Payment, order_id, with_for_update=True)
            if payment.status in ("charging", "approved"):
                payment.status = "refund_due"
        if payment.status == "refund_due":
            self._refund(order_id)

    def _begin(self, order: OrderCreated) -> bool:
        """Whether the provider is to be asked now."""
        with self._messaging.transaction() as transaction:
            insert_missing(
                transaction.session, Payment, order_id=order.order_id, amount=order.amount, status="charging"
            )
            payment = transaction.session.get_one(Payment, order.order_id, with_for_update=True)
            if payment.status in ("approved", "declined"):
                # A duplicate, or orders asks because it never got our answer. Repeating it serves both.
                transaction.announce_again("payment.approved", "payment.declined", entity=order.order_id)
            return payment.status == "charging"

    def _record(self, order_id: str, result: Approved | Declined) -> None:
        """Write the decision down and tell of it, unless the order was cancelled while the provider was asked: then
        the refund that is due covers this charge too."""
        with self._messaging.transaction() as transaction:
            payment = transaction.session.get_one(Payment, order_id, with_for_update=True)
            if payment.status != "charging":
                return
            fact: BaseModel
            if isinstance(result, Approved):
                payment.status, payment.charge_id = "approved", result.charge_id
                fact = PaymentApproved(order_id=order_id, amount=payment.amount, charge_id=result.charge_id)
            else:
                payment.status, payment.reason = "declined", result.reason
                fact = PaymentDeclined(order_id=order_id, amount=payment.amount, reason=result.reason)
            transaction.announce(f"payment.{payment.status}", fact, entity=order_id)
        log.info("payment for %s %s", order_id, payment.status, extra={"event": "payment", "id": order_id})

    def _refund(self, order_id: str) -> None:
        self._provider.refund(order_id)
        with self._messaging.transaction() as transaction:
            transaction.session.get_one(Payment, order_id, with_for_update=True).status = "refunded"
        log.info("payment for %s refunded", order_id, extra={"event": "payment", "id": order_id})
