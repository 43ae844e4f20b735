"""The payment of an order: requested by one event, decided by another. Who asked for it is answered as by the monolith.

What happened to the copy's `status` may come to be known in two ways, by the event and by a look at the record; what
was announced of it is kept apart from that, in `payment`, and so it is announced once.
"""

from __future__ import annotations

import logging
import time

from pydantic import BaseModel

from lab.chassis.database import Database
from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging, Transaction
from lab.chassis.problems import Problem
from lab.chassis.retry import TryLater
from lab.day6_integration.orders.models import Order
from lab.day6_integration.orders.views import OrderView, fact

RESULTS = "orders.payment-result"
LOOK = 0.02
"""Seconds between two looks whether a payment is decided."""

log = logging.getLogger(__name__)


class PaymentResult(BaseModel):
    """Data of `payment.approved` and `payment.declined`."""

    order_id: str
    reason: str = ""


class Payments:
    """`patience`: seconds for which somebody who pays is kept waiting for the decision."""

    def __init__(self, database: Database, messaging: Messaging, patience: float) -> None:
        self._database = database
        self._messaging = messaging
        self._patience = patience

    def subscribe(self) -> None:
        self._messaging.subscribe(RESULTS, ["payment.approved", "payment.declined"], self.decided)

    def request(self, order: OrderView) -> None:
        with self._messaging.transaction() as transaction:
            announce_request(transaction, order)

    def outcome(self, order: OrderView) -> OrderView:
        """The order, paid; or as it is, if the decision takes longer than anybody should wait for an answer. Nothing is
        lost then: the request is in the outbox. Raises Problem if the payment is declined."""
        until = time.monotonic() + self._patience
        while True:
            with self._database.read() as session:
                row = session.get_one(Order, order.id)
            if row.status == "paid":
                return OrderView.model_validate(row)
            if row.payment == "declined":
                raise _declined(row)
            if time.monotonic() > until:
                return OrderView.model_validate(row)
            time.sleep(LOOK)

    def decided(self, event: Event) -> None:
        result = payload(PaymentResult, event)
        with self._messaging.transaction() as transaction:
            row = transaction.session.get(Order, result.order_id, with_for_update=True)
            if row is None:
                raise TryLater(f"no order {result.order_id} here yet")
            if not transaction.first_time(RESULTS, event) or row.payment == "approved":
                return
            if event.type == "payment.declined":
                row.payment, row.reason = "declined", result.reason
                return
            row.payment, row.status = "approved", "paid"
            transaction.announce("order.confirmed", fact(OrderView.model_validate(row)), entity=row.id)
        log.info("order %s is paid for", row.id, extra={"event": "confirmed", "id": row.id})


def announce_request(transaction: Transaction, order: OrderView, *, at_once: bool = False) -> None:
    """Have it paid, if and when the transaction commits. What was decided before is no decision of this request."""
    row = transaction.session.get_one(Order, order.id)
    if row.payment != "approved":
        row.payment, row.reason = "requested", ""
        transaction.announce("payment.requested", fact(order), entity=order.id)
        paying = {"event": "paying", "id": order.id, "at_once": at_once}
        transaction.afterwards.append(lambda: log.info("order %s is to be paid", order.id, extra=paying))


def _declined(row: Order) -> Problem:
    if row.reason == "insufficient_funds":
        return Problem(409, "insufficient_funds", f"The wallet of user {row.user_id} holds too little.")
    return Problem(409, row.reason, f"Order {row.id} could not be paid.")
