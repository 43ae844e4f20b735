"""What is done about an event: a mail if the order is on its way, and a line in its history."""

from __future__ import annotations

from lab.chassis.database import Database
from projections.events import Event, order_changed
from projections.mailer import Mailer
from projections.models import Entry


class Projecting:
    def __init__(self, database: Database, mailer: Mailer) -> None:
        self._database = database
        self._mailer = mailer

    def handle(self, event: Event) -> None:
        """Raises Unreadable, NotSent."""
        order = order_changed(event)
        if event.type == "order.shipped":
            self._mailer.send("order_shipped", order.order_id, key=event.id)
        # TODO: an event comes again whenever its offset was not committed. Is it in the history twice then?
        with self._database.write() as session:
            session.add(Entry(order_id=order.order_id, version=order.version, status=order.status))
