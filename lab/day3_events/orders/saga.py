"""The order's part of the saga: which change of state is allowed, and what is told of it.

`pending` goes to `confirmed` or `cancelled`, and neither goes anywhere else: an event that comes late, twice or out of
order finds the order final and changes nothing.
"""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.messaging import Transaction
from lab.day3_events.orders.models import Order, Status

log = logging.getLogger(__name__)


class OrderCreated(BaseModel):
    order_id: str
    user_id: str
    amount: int


class OrderSettled(BaseModel):
    """Data of `order.confirmed` and `order.cancelled`."""

    order_id: str
    user_id: str
    amount: int
    reason: str


def place(transaction: Transaction, order: Order) -> None:
    """Begin the saga."""
    transaction.session.add(order)
    transaction.session.flush()
    fact = OrderCreated(order_id=order.id, user_id=order.user_id, amount=order.amount)
    transaction.announce("order.created", fact, entity=order.id)
    transaction.afterwards.append(lambda: _tell_state(order))


def settle(transaction: Transaction, order: Order, status: Status, reason: str = "") -> bool:
    """End the saga, unless it has ended already. Returns whether this call did."""
    if order.status != "pending":
        return False
    order.status, order.reason = status, reason
    fact = OrderSettled(order_id=order.id, user_id=order.user_id, amount=order.amount, reason=reason)
    transaction.announce(f"order.{status}", fact, entity=order.id)
    transaction.afterwards.append(lambda: _tell_state(order))
    return True


def _tell_state(order: Order) -> None:
    """Write the line that makes the state visible from outside. It is for after the commit: before it, it is a hope."""
    log.info(
        "order %s is %s",
        order.id,
        order.status,
        extra={
            "event": "state",
            "entity": "order",
            "id": order.id,
            "state": order.status,
            "reason": order.reason,
            "correlation_id": order.correlation,
        },
    )
