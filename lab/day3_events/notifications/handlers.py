"""What notifications does when it hears of something."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.database import Database
from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging
from lab.day3_events.notifications.mailer import Mailer
from lab.day3_events.notifications.models import Notification

log = logging.getLogger(__name__)

OUTCOMES = "notifications.order-outcome"
TEMPLATES = {"order.confirmed": "order_confirmed", "order.cancelled": "order_cancelled"}


class OrderSettled(BaseModel):
    order_id: str
    user_id: str


class Handlers:
    def __init__(self, messaging: Messaging, database: Database, mailer: Mailer) -> None:
        self._messaging = messaging
        self._database = database
        self._mailer = mailer

    def subscribe(self) -> None:
        self._messaging.subscribe(OUTCOMES, list(TEMPLATES), self.order_settled)

    def order_settled(self, event: Event) -> None:
        """Send first, write down after: a crash in between sends again, and the mail server knows the key. A mail that
        fails cancels nothing: the order is final, and the mail is tried again or parked."""
        order = payload(OrderSettled, event)
        with self._database.read() as session:
            if session.get(Notification, order.order_id):
                return
        template = TEMPLATES[event.type]
        self._mailer.send(key=order.order_id, user_id=order.user_id, template=template, order_id=order.order_id)
        with self._messaging.transaction() as transaction:
            if transaction.first_time(OUTCOMES, event):
                sent = Notification(order_id=order.order_id, user_id=order.user_id, template=template)
                transaction.session.merge(sent)
        log.info("mail %s for order %s", template, order.order_id, extra={"event": "mail", "id": order.order_id})
