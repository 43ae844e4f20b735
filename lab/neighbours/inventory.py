"""A stock that can be reserved."""

from __future__ import annotations

from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says


class Inventory(Stub):
    """POST /reservations {order_id, ...}: 201, one per order. POST /reservations/{order_id}/commit: 200, any number of
    times; what is committed leaves the house. DELETE /reservations/{order_id}: 204, any number of times; that takes
    back what was committed, too.
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
        return {
            "POST /reservations": self._reserve,
            "POST /reservations/{order_id}/commit": self._commit,
            "DELETE /reservations/{order_id}": self._release,
        }

    def decline(self, seen: Seen) -> Reply:
        """There is none left, or what was reserved must not be sold after all; a release is done as usual."""
        if seen.line == "POST /reservations":
            return problem(409, "out_of_stock", "There is none left.")
        if seen.method == "POST":
            return problem(409, "recalled", "The maker has recalled it.")
        return self.work(seen)

    def _reserve(self, seen: Seen) -> Reply:
        order = seen.json.get("order_id") if isinstance(seen.json, dict) else None
        if order in (None, ""):
            return problem(422, "invalid_request", "A reservation is {order_id, items}.")
        if str(order) not in self._reserved:
            self._reserved[str(order)] = seen.json
        return says(self._reserved[str(order)], 201)

    def _commit(self, _: Seen, order_id: str) -> Reply:
        reserved = self._reserved.get(order_id)
        if reserved is None:
            return problem(404, "unknown_reservation", f"Nothing is reserved for order {order_id}.")
        self._reserved[order_id] = committed = {**reserved, "committed": True}
        return says(committed)

    def _release(self, _: Seen, order_id: str) -> Reply:
        if self._reserved.take(order_id) is not None:
            self.released.append(order_id)
        return Reply(204)


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Inventory)
