"""What is done about an order: the effect and the memory of it, in one transaction."""

from __future__ import annotations

import logging

from sqlalchemy.exc import IntegrityError

from lab.chassis.database import Database
from payments.events import Event, order_created
from payments.models import HandledEvent, Payment
from payments.provider import Provider

log = logging.getLogger(__name__)


class Charging:
    """Three steps, in this order: charge under a key that is always the same; write down the payment *and* that the
    event was handled, both or neither; acknowledge (that is the consumer's, after `handle` has returned).

    A crash after any of them repeats what came before, and that does no harm: the provider knows the key, and the
    database refuses the second row. No transaction is open while the provider is asked.
    """

    def __init__(self, database: Database, provider: Provider) -> None:
        self._database = database
        self._provider = provider

    def handle(self, event: Event) -> None:
        """Charge for an order that was created. Safe to call again, also at the same moment from another instance."""
        if event.type != "order.created":
            log.info("ignored %s", event.type)
            return
        order = order_created(event)
        if self._handled(event.id):
            return
        decision = self._provider.charge(order.order_id, order.amount)
        payment = Payment(
            order_id=order.order_id, amount=order.amount, status=decision.status, charge_id=decision.charge_id
        )
        try:
            with self._database.write() as session:
                session.add(HandledEvent(id=event.id))
                session.add(payment)
        except IntegrityError:
            log.info("order %s was charged already", order.order_id)

    def _handled(self, event_id: str) -> bool:
        """Only saves the provider a call. What decides is the key in the database: two instances may both look here
        before either has written."""
        with self._database.read() as session:
            return session.get(HandledEvent, event_id) is not None
