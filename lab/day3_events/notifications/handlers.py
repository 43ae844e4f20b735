"""What notifications does when it hears of something, or is told to do something."""

from __future__ import annotations

import logging

from pydantic import BaseModel

from lab.chassis.database import Database, insert_missing
from lab.chassis.events import Event, payload
from lab.chassis.messaging import Messaging
from lab.day3_events.notifications.mailer import Mailer
from lab.day3_events.notifications.models import Notification

log = logging.getLogger(__name__)

OUTCOMES = "notifications.order-outcome"
COMMANDS = "notifications.commands"
TEMPLATES = {"order.confirmed": "order_confirmed", "order.cancelled": "order_cancelled"}


class OrderSettled(BaseModel):
    order_id: str
    user_id: str


class SendMail(BaseModel):
    """Data of `mail.send`, the orchestrator's command."""

    order_id: str
    user_id: str
    template: str


class MailSent(BaseModel):
    order_id: str


class Handlers:
    def __init__(self, messaging: Messaging, database: Database, mailer: Mailer) -> None:
        self._messaging = messaging
        self._database = database
        self._mailer = mailer

    def subscribe(self, saga: str) -> None:
        """In a choreography the end of an order is the cue; an orchestrator says so, and waits for the answer."""
        if saga == "orchestration":
            self._messaging.subscribe(COMMANDS, ["mail.send"], self.told_to_mail)
        else:
            self._messaging.subscribe(OUTCOMES, list(TEMPLATES), self.order_settled)

    def order_settled(self, event: Event) -> None:
        order = payload(OrderSettled, event)
        if not self._sent(order.order_id):
            self._mail(SendMail(**order.model_dump(), template=TEMPLATES[event.type]), answers=False)

    def told_to_mail(self, event: Event) -> None:
        """One that is told twice sends once, and answers twice: the first answer may have been lost."""
        mail = payload(SendMail, event)
        if self._sent(mail.order_id):
            with self._messaging.transaction() as transaction:
                transaction.announce_again("mail.sent", entity=mail.order_id)
        else:
            self._mail(mail, answers=True)

    def _sent(self, order_id: str) -> bool:
        with self._database.read() as session:
            return session.get(Notification, order_id) is not None

    def _mail(self, mail: SendMail, *, answers: bool) -> None:
        """Send first, write down after: a crash in between sends again, and so may a copy handled at the same time;
        the mail server knows the key. A mail that fails cancels nothing: it is tried again or parked."""
        order_id = mail.order_id
        self._mailer.send(key=order_id, user_id=mail.user_id, template=mail.template, order_id=order_id)
        with self._messaging.transaction() as transaction:
            sent = insert_missing(transaction.session, Notification, **mail.model_dump())
            if sent and answers:
                transaction.announce("mail.sent", MailSent(order_id=order_id), entity=order_id)
        if sent:
            log.info("mail %s for order %s", mail.template, order_id, extra={"event": "mail", "id": order_id})
