"""What notifications does when an order has ended."""

from __future__ import annotations

import logging

from pydantic import BaseModel, Field

from notifications.events import Event, Unreadable, payload
from notifications.mailer import Mailer, Undeliverable

log = logging.getLogger(__name__)

TEMPLATES = {"order.confirmed": "order_confirmed", "order.cancelled": "order_cancelled"}


class OrderEnded(BaseModel):
    """Data of `order.confirmed` and `order.cancelled`, as far as we need it."""

    order_id: str = Field(min_length=1)


class Outcomes:
    """Hears how orders end; the consumer acknowledges after `handle` has returned."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def handle(self, event: Event) -> None:
        """One mail an order: its id is the key. A mail that cannot be sent now is tried again; one that never can be is
        put aside for somebody to look at, and cancels nothing."""
        if event.type not in TEMPLATES:
            return
        order_id = payload(OrderEnded, event).order_id
        try:
            self._mailer.send(order_id, TEMPLATES[event.type], key=order_id)
        except Undeliverable as error:
            raise Unreadable(f"undeliverable: {error}") from error
        log.info("mail %s for order %s", TEMPLATES[event.type], order_id)
