"""What payments does when it hears of something, or is told to do something. No transaction is open while the provider
is asked: the database must not wait for somebody else's network."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from lab.chassis.database import insert_missing
from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging, Transaction
from lab.day3_events.payments.models import Payment
from lab.day3_events.payments.provider import Approved, Declined, Provider

log = logging.getLogger(__name__)


class OrderToCharge(BaseModel):
    order_id: str
    amount: int


class OrderToRefund(BaseModel):
    order_id: str


class PaymentApproved(BaseModel):
    order_id: str
    amount: int
    charge_id: str


class PaymentDeclined(BaseModel):
    order_id: str
    amount: int
    reason: str


class PaymentRefunded(BaseModel):
    order_id: str


@dataclass(frozen=True)
class Cues:
    """What makes payments act, as (queue, type): the same work, whoever gives the cue. `answers`: somebody waits to
    hear that the money is back."""

    charge: tuple[str, str]
    refund: tuple[str, str]
    answers: bool


CUES: Mapping[str, Cues] = {
    "choreography": Cues(
        charge=("payments.order-created", "order.created"),
        refund=("payments.order-cancelled", "order.cancelled"),
        answers=False,
    ),
    "orchestration": Cues(
        charge=("payments.charge", "payment.charge"),
        refund=("payments.refund", "payment.refund"),
        answers=True,
    ),
}
"""By the kind of saga. An event says what happened, and payments decides what that means for it; a command says what
is to be done."""


class Handlers:
    """There is one payment an order, so the order's id is what duplicates are known by here. That is stronger than the
    event's id: it also holds against a second event about the same order."""

    def __init__(self, messaging: Messaging, provider: Provider, cues: Cues) -> None:
        self._messaging = messaging
        self._provider = provider
        self._cues = cues

    def subscribe(self) -> None:
        for (queue, kind), handler in ((self._cues.charge, self.charge), (self._cues.refund, self.refund)):
            self._messaging.subscribe(queue, [kind], handler)

    def charge(self, event: Event) -> None:
        """Charge, unless this is decided."""
        order = payload(OrderToCharge, event)
        if self._begin(order):
            self._record(order.order_id, self._provider.charge(order.order_id, order.amount))

    def refund(self, event: Event) -> None:
        """Compensate: give back what was, or may have been, charged."""
        order_id = payload(OrderToRefund, event).order_id
        with self._messaging.transaction() as transaction:
            # If the cancelling overtook the order: see that nothing is charged when that arrives.
            insert_missing(transaction.session, Payment, order_id=order_id, amount=0, status="void")
            payment = transaction.session.get_one(Payment, order_id, with_for_update=True)
            found = payment.status
            if found in ("charging", "approved"):
                payment.status = "refund_due"
            elif found != "refund_due":
                self._answer(transaction, event, order_id)
        told = {"event": "cancelling", "id": order_id, "found": found}
        log.info("order %s is cancelled, its payment was %s", order_id, found, extra=told)
        if payment.status == "refund_due":
            self._give_back(event, order_id)

    def _begin(self, order: OrderToCharge) -> bool:
        """Whether the provider is to be asked now."""
        with self._messaging.transaction() as transaction:
            insert_missing(
                transaction.session, Payment, order_id=order.order_id, amount=order.amount, status="charging"
            )
            payment = transaction.session.get_one(Payment, order.order_id, with_for_update=True)
            if payment.status in ("approved", "declined"):
                # A duplicate, or somebody asks because they never got our answer. Repeating it serves both.
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

    def _give_back(self, event: Event, order_id: str) -> None:
        self._provider.refund(order_id)
        with self._messaging.transaction() as transaction:
            payment = transaction.session.get_one(Payment, order_id, with_for_update=True)
            if payment.status == "refund_due":
                payment.status = "refunded"
                self._answer(transaction, event, order_id)
        log.info("payment for %s refunded", order_id, extra={"event": "payment", "id": order_id})

    def _answer(self, transaction: Transaction, event: Event, order_id: str) -> None:
        """Tell that no money is kept for the order, where anybody listens: a message without a queue is not taken. It
        is told whatever was found, a declined payment, too: whoever asks does not know, and waits."""
        if not self._cues.answers:
            return
        if transaction.first_time(self._cues.refund[0], event):
            transaction.announce("payment.refunded", PaymentRefunded(order_id=order_id), entity=order_id)
        else:
            transaction.announce_again("payment.refunded", entity=order_id)
