"""What payments does when it hears of an order: it charges, and tells what came of it; it gives back."""

from __future__ import annotations

import logging

from pydantic import BaseModel, Field
from sqlalchemy import update

from lab.chassis.database import Database, insert_missing
from payments import outbox
from payments.events import Event, happened, payload
from payments.models import Payment
from payments.provider import Decision, Provider

log = logging.getLogger(__name__)


class OrderToCharge(BaseModel):
    order_id: str = Field(min_length=1)
    amount: int = Field(gt=0)


class OrderToRefund(BaseModel):
    order_id: str = Field(min_length=1)


class Orders:
    """Hears of orders; the consumer acknowledges after `handle` has returned. No transaction is open while the provider
    is asked.

    A provider that does not answer is no decision: `handle` raises, and the event comes again. Every step may be done
    again: the provider knows the keys, and what is written down and what is told of it commit together.
    """

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def handle(self, event: Event) -> None:
        if event.type == "order.created":
            self._charge(payload(OrderToCharge, event))
        elif event.type == "order.cancelled":
            self._refund(payload(OrderToRefund, event).order_id)

    def _charge(self, order: OrderToCharge) -> None:
        """Charge once, however often we hear of the order. What was decided was also announced, or the outbox has it:
        a repeated event needs no answer."""
        if self._status(order.order_id) is not None:
            return
        decision = self._provider.charge(order.order_id, order.amount)
        with self._database.write() as session:
            if not insert_missing(session, Payment, order_id=order.order_id, amount=order.amount, status=decision):
                return
            if decision != "refunded":
                fact = {"order_id": order.order_id, "amount": order.amount}
                outbox.announce(session, happened(f"payment.{decision}", "/payments", fact))
        log.info("payment for %s %s", order.order_id, decision)

    def _refund(self, order_id: str) -> None:
        """Compensate. An order that we know nothing of may have been cancelled before its creation came to us: the
        refund makes the provider refuse a charge, and the row makes us not ask for one."""
        if self._status(order_id) in ("declined", "refunded"):
            return
        self._provider.refund(order_id)
        with self._database.write() as session:
            if not insert_missing(session, Payment, order_id=order_id, status="refunded"):
                session.execute(update(Payment).where(Payment.order_id == order_id).values(status="refunded"))
        log.info("payment for %s refunded", order_id)

    def _status(self, order_id: str) -> Decision | None:
        with self._database.read() as session:
            payment = session.get(Payment, order_id)
        return None if payment is None else payment.status
