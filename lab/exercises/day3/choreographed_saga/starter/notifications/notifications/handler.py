"""What notifications does when an order has ended."""

from __future__ import annotations

import logging

from notifications.events import Event
from notifications.mailer import Mailer

log = logging.getLogger(__name__)


class Outcomes:
    """Hears how orders end; the consumer acknowledges after `handle` has returned."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def handle(self, event: Event) -> None:
        # TODO: one mail an order; one that can never be sent is put aside.
        log.info("%s: %s", event.type, event.data)
