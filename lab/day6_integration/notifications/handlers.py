"""What notifications does when it hears of something."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.database import Database
from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging
from lab.day6_integration.notifications.mailer import Mailer
from lab.day6_integration.notifications.models import Notification

log = logging.getLogger(__name__)

WELCOMES = "notifications.user-registered"
OUTCOMES = "notifications.order-outcome"
TEMPLATES = {"order.confirmed": "order_confirmed", "order.cancelled": "order_cancelled"}


class UserRegistered(BaseModel):
    user_id: str


class OrderSettled(BaseModel):
    order_id: str
    user_id: str


class Handlers:
    """The monolith sends welcomes, too, and loses one when it dies at the wrong moment. Both use the same key, so the
    mail server sends one of the two, whoever comes first."""

    def __init__(self, messaging: Messaging, database: Database, mailer: Mailer) -> None:
        self._messaging = messaging
        self._database = database
        self._mailer = mailer

    def subscribe(self) -> None:
        self._messaging.subscribe(WELCOMES, ["user.registered"], self.user_registered)
        self._messaging.subscribe(OUTCOMES, list(TEMPLATES), self.order_settled)

    def user_registered(self, event: Event) -> None:
        user_id = payload(UserRegistered, event).user_id
        self._send(WELCOMES, event, about=user_id, user_id=user_id, template="welcome")

    def order_settled(self, event: Event) -> None:
        order = payload(OrderSettled, event)
        template = TEMPLATES[event.type]
        self._send(
            OUTCOMES, event, about=order.order_id, user_id=order.user_id, template=template, order_id=order.order_id
        )

    def _send(
        self, consumer: str, event: Event, *, about: str, user_id: str, template: str, order_id: str = ""
    ) -> None:
        """Send first, write down after: a crash in between sends again, and so may a copy handled at the same time;
        the mail server knows the key. A mail that fails undoes nothing: it is tried again or parked."""
        with self._database.read() as session:
            if session.get(Notification, about):
                return
        self._mailer.send(key=about, user_id=user_id, template=template, order_id=order_id)
        with self._messaging.transaction() as transaction:
            first = transaction.first_time(consumer, event)
            if first:
                transaction.session.merge(Notification(about=about, user_id=user_id, template=template))
        if first:
            log.info("mail %s about %s", template, about, extra={"event": "mail", "id": about, "template": template})
