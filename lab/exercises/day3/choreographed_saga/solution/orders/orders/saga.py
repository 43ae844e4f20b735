"""The order's part of the saga: which change of state is allowed, and what is told of it.

`pending` goes to `confirmed` or to `cancelled`, and neither goes anywhere else. So an event that comes twice, late or
out of order finds the order ended and changes nothing: no other memory of events is needed here.
"""

from __future__ import annotations

from typing import Literal

from sqlalchemy.orm import Session

from orders import outbox
from orders.events import happened
from orders.models import Order

End = Literal["confirmed", "cancelled"]


def place(session: Session, order: Order) -> None:
    """Begin."""
    session.add(order)
    fact = {"order_id": order.id, "ref": order.ref, "amount": order.amount}
    outbox.announce(session, happened("order.created", "/orders", fact))


def settle(session: Session, order: Order, status: End, reason: str = "") -> bool:
    """End it, unless it has ended. Whether this call did; the new state and its event commit together."""
    if order.status != "pending":
        return False
    order.status, order.reason = status, reason
    fact = {"order_id": order.id, "ref": order.ref, "amount": order.amount, "reason": reason}
    outbox.announce(session, happened(f"order.{status}", "/orders", fact))
    return True
