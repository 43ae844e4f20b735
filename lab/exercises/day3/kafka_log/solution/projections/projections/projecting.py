"""What is done about an event: a mail if the order is on its way, and a line in its history."""

from __future__ import annotations

from lab.chassis.database import Database, insert_missing
from projections.events import Event, order_changed
from projections.mailer import Mailer
from projections.models import Entry


class Projecting:
    """Doing it again does no harm: the mailer knows the key, the history the event."""

    def __init__(self, database: Database, mailer: Mailer) -> None:
        self._database = database
        self._mailer = mailer

    def handle(self, event: Event) -> None:
        """Raises Unreadable, NotSent."""
        order = order_changed(event)
        if event.type == "order.shipped":
            self._mailer.send("order_shipped", order.order_id, key=event.id)
        with self._database.write() as session:
            insert_missing(
                session,
                Entry,
                event_id=event.id,
                order_id=order.order_id,
                version=order.version,
                status=order.status,
            )
