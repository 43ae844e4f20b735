"""A stock that can be reserved."""

from __future__ import annotations

from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says


class Inventory(Stub):
    """POST /reservations {order_id, ...}: 201, one per order. DELETE /reservations/{order_id}: 204, any number of
    times.
    """

    name = "inventory"

    def empty(self) -> None:
        self._reserved = self.book("reservations")
        self.released: list[str] = []
        """Order ids in the order in which their reservations were given back."""

    @property
    def reservations(self) -> dict[str, dict[str, Any]]:
        """What is reserved, by order id (text)."""
        return {order: self._reserved[order] for order in self._reserved}

    def routes(self) -> dict[str, Work]:
        return {"POST /reservations": self._reserve, "DELETE /reservations/{order_id}": self._release}

    def _reserve(self, seen: Seen) -> Reply:
        order = seen.json.get("order_id") if isinstance(seen.json, dict) else None
        if order in (None, ""):
            return problem(422, "invalid_request", "A reservation is {order_id, items}.")
        if str(order) not in self._reserved:
            self._reserved[str(order)] = seen.json
        return says(self._reserved[str(order)], 201)

    def _release(self, _: Seen, order_id: str) -> Reply:
        if self._reserved.take(order_id) is not None:
            self.released.append(order_id)
        return Reply(204)


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Inventory)
