"""What payments does when it hears of something. No transaction is open while the wallet is asked: the database must
not wait for somebody else's network."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.database import insert_missing
from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging
from lab.day6_integration.payments.models import Payment
from lab.day6_integration.payments.wallet import Wallet

log = logging.getLogger(__name__)

REQUESTS = "payments.payment-requested"


class PaymentRequested(BaseModel):
    order_id: str
    amount: int


class PaymentDecided(BaseModel):
    """Data of `payment.approved` and `payment.declined`."""

    order_id: str
    amount: int
    reason: str


class Handlers:
    """An order may be requested again after it was declined, so duplicates are known by the id of the request."""

    def __init__(self, messaging: Messaging, wallet: Wallet) -> None:
        self._messaging = messaging
        self._wallet = wallet

    def subscribe(self) -> None:
        self._messaging.subscribe(REQUESTS, ["payment.requested"], self.payment_requested)

    def payment_requested(self, event: Event) -> None:
        """Pay, unless this is decided."""
        asked = payload(PaymentRequested, event)
        if self._begin(event.id, asked):
            self._record(event.id, self._wallet.pay(asked.order_id))

    def _begin(self, request: str, asked: PaymentRequested) -> bool:
        with self._messaging.transaction() as transaction:
            values = {"order_id": asked.order_id, "amount": asked.amount, "status": "charging"}
            insert_missing(transaction.session, Payment, request=request, **values)
            payment = transaction.session.get_one(Payment, request, with_for_update=True)
            if payment.status != "charging":
                transaction.announce_again("payment.approved", "payment.declined", entity=request)
            return payment.status == "charging"

    def _record(self, request: str, reason: str) -> None:
        with self._messaging.transaction() as transaction:
            payment = transaction.session.get_one(Payment, request, with_for_update=True)
            if payment.status != "charging":
                return
            payment.status, payment.reason = "declined" if reason else "approved", reason
            fact = PaymentDecided(order_id=payment.order_id, amount=payment.amount, reason=reason)
            transaction.announce(f"payment.{payment.status}", fact, entity=request)
        state = {"event": "state", "entity": "payment", "id": payment.order_id, "state": payment.status}
        log.info("payment of order %s is %s", payment.order_id, payment.status, extra={**state, "reason": reason})
