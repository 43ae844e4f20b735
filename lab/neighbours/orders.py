"""Orders that users have placed."""

from __future__ import annotations

from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says


class Orders(Stub):
    """GET /orders?user_id=, GET /orders/{id}."""

    name = "orders"

    def empty(self) -> None:
        self._orders = self.book("orders")

    @property
    def orders(self) -> dict[str, dict[str, Any]]:
        """All orders by id (text)."""
        return {order: self._orders[order] for order in self._orders}

    def add(self, id: Any, user_id: Any, total: int = 50_000, status: str = "confirmed", **more: Any) -> dict[str, Any]:
        """Add this order, or replace the one with this id."""
        order = {"id": id, "user_id": user_id, "total": total, "status": status, **more}
        self._orders[str(id)] = order
        return order

    def furnish(self) -> None:
        self.add(id="1", user_id="1")

    def routes(self) -> dict[str, Work]:
        return {"GET /orders": self._of, "GET /orders/{id}": self._one}

    def _of(self, seen: Seen) -> Reply:
        user = seen.query.get("user_id")
        return says({"items": [o for o in self._orders.records() if user is None or str(o["user_id"]) == user]})

    def _one(self, _: Seen, id: str) -> Reply:
        order = self._orders.get(id)
        return says(order) if order else problem(404, "unknown_order", f"There is no order {id}.")


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Orders)
