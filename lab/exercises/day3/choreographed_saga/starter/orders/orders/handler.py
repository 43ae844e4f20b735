"""What orders does when it hears what became of a payment."""

from __future__ import annotations

import logging

from pydantic import BaseModel, Field

from lab.chassis.database import Database
from orders.events import Event, payload

log = logging.getLogger(__name__)


class PaymentDecided(BaseModel):
    """Data of `payment.approved` and `payment.declined`, as far as orders needs it."""

    order_id: str = Field(min_length=1)


class Payments:
    """Hears of payments; the consumer acknowledges after `handle` has returned."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def handle(self, event: Event) -> None:
        """The payment of an order was approved or declined."""
        decided = payload(PaymentDecided, event)
        # TODO: confirm or cancel the order, and announce that.
        log.info("%s: order %s", event.type, decided.order_id)
