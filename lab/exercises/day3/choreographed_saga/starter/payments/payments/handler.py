"""What payments does when it hears of an order."""

from __future__ import annotations

import logging

from pydantic import BaseModel, Field

from lab.chassis.database import Database, insert_missing
from payments.events import Event, payload
from payments.models import Payment
from payments.provider import Provider

log = logging.getLogger(__name__)


class OrderToCharge(BaseModel):
    order_id: str = Field(min_length=1)
    amount: int = Field(gt=0)


class Orders:
    """Hears of orders; the consumer acknowledges after `handle` has returned. No transaction is open while the provider
    is asked."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def handle(self, event: Event) -> None:
        if event.type == "order.created":
            self._charge(payload(OrderToCharge, event))

    def _charge(self, order: OrderToCharge) -> None:
        """Charge once, however often we hear of the order."""
        with self._database.read() as session:
            if session.get(Payment, order.order_id) is not None:
                return
        decision = self._provider.charge(order.order_id, order.amount)
        with self._database.write() as session:
            insert_missing(session, Payment, order_id=order.order_id, amount=order.amount, status=decision)
        # TODO: nobody hears of it. And what of an order that is cancelled?
