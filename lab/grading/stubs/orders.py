"""Orders that users have placed."""

from __future__ import annotations

from typing import Any

from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub, Work


class Orders(Stub):
    """GET /orders?user_id=, GET /orders/{id}."""

    name = "orders"

    def empty(self) -> None:
        self.orders: dict[str, dict[str, Any]] = {}

    def add(self, id: Any, user_id: Any, total: int = 50_000, status: str = "confirmed", **more: Any) -> dict[str, Any]:
        """From now on there is this order; one that was there is replaced."""
        order = {"id": id, "user_id": user_id, "total": total, "status": status, **more}
        self.orders[str(id)] = order
        return order

    def routes(self) -> dict[str, Work]:
        return {"GET /orders": self._of, "GET /orders/{id}": self._one}

    def _of(self, seen: Seen) -> Reply:
        user = seen.query.get("user_id")
        return says({"items": [o for o in list(self.orders.values()) if user is None or str(o["user_id"]) == user]})

    def _one(self, _: Seen, id: str) -> Reply:
        order = self.orders.get(id)
        return says(order) if order else problem(404, "unknown_order", f"There is no order {id}.")
