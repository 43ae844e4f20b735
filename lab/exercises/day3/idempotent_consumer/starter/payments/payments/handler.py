"""What is done about an order."""

from __future__ import annotations

import logging

from lab.chassis.database import Database
from payments.events import Event, order_created
from payments.models import Payment
from payments.provider import Provider

log = logging.getLogger(__name__)


class Charging:
    """Charge, write it down; the consumer acknowledges after `handle` has returned."""

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def handle(self, event: Event) -> None:
        """Charge for an order that was created."""
        if event.type != "order.created":
            log.info("ignored %s", event.type)
            return
        order = order_created(event)
        # TODO: the same event may come twice, after a restart, or to two of us at the same moment.
        decision = self._provider.charge(order.order_id, order.amount)
        payment = Payment(
            order_id=order.order_id, amount=order.amount, status=decision.status, charge_id=decision.charge_id
        )
        with self._database.write() as session:
            session.add(payment)
