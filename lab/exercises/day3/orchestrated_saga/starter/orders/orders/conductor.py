"""Conducting: reserve, charge, confirm, notify, and the way back."""

from __future__ import annotations

import logging
import threading
from typing import Any

from lab.chassis.database import Database
from orders.models import Order
from orders.neighbours import Neighbours, Refused, Unanswered

log = logging.getLogger(__name__)

STEPS = ("reserve", "charge", "confirm", "notify")


class Conductor:
    """A thread an order, and how far it has come in a dictionary."""

    def __init__(self, database: Database, neighbours: Neighbours) -> None:
        self._database = database
        self._neighbours = neighbours
        self._sagas: dict[str, dict[str, Any]] = {}

    def begin(self, order: Order) -> None:
        self._sagas[order.id] = {"state": "running", "steps": [{"name": name, "status": "pending"} for name in STEPS]}
        threading.Thread(target=self._conduct, args=[order], daemon=True).start()

    def show(self, order_id: str) -> dict[str, Any] | None:
        # TODO: after a restart nobody knows of any saga.
        return self._sagas.get(order_id)

    def _conduct(self, order: Order) -> None:
        saga = self._sagas[order.id]
        calls = {
            "reserve": lambda: self._neighbours.reserve(order.id, order.sku),
            "charge": lambda: self._neighbours.charge(order.id, order.amount),
            "confirm": lambda: self._neighbours.confirm(order.id),
            "notify": lambda: self._neighbours.notify(order.id),
        }
        for step in saga["steps"]:
            try:
                calls[step["name"]]()
            except (Refused, Unanswered) as error:
                # TODO: what was done before has to be undone, and "no answer" is not "no".
                step["status"] = "refused"
                self._end(order, "cancelled", str(error))
                return
            step["status"] = "done"
        saga["state"] = "completed"
        self._end(order, "confirmed", "")

    def _end(self, order: Order, status: str, reason: str) -> None:
        with self._database.write() as session:
            found = session.get_one(Order, order.id)
            found.status, found.reason = status, reason
