"""A stock that can be reserved."""

from __future__ import annotations

from typing import Any

from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub, Work


class Inventory(Stub):
    """POST /reservations {order_id, ...}: 201, one an order; DELETE /reservations/{order_id}: 204, however often."""

    name = "inventory"

    def empty(self) -> None:
        self.reservations: dict[str, dict[str, Any]] = {}
        """What is reserved, by order id (text)."""
        self.released: list[str] = []
        """Order ids in the order in which their reservations were given back."""

    def routes(self) -> dict[str, Work]:
        return {"POST /reservations": self._reserve, "DELETE /reservations/{order_id}": self._release}

    def _reserve(self, seen: Seen) -> Reply:
        order = seen.json.get("order_id") if isinstance(seen.json, dict) else None
        if order in (None, ""):
            return problem(422, "invalid_request", "A reservation is {order_id, items}.")
        return says(self.reservations.setdefault(str(order), seen.json), 201)

    def _release(self, _: Seen, order_id: str) -> Reply:
        if self.reservations.pop(order_id, None) is not None:
            self.released.append(order_id)
        return Reply(204)
