"""A payment provider. It is idempotent by key, as real providers are."""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path
from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says

DECLINED_OVER = 80_000
"""Amounts above this (UZS) are declined."""


class Payment(Stub):
    """POST /charges {order_id, amount} under an Idempotency-Key: 201 approved, 402 declined; the same key gets the same
    answer. POST /refunds {order_id} gives back all that was charged for the order, and nothing is charged for it
    afterwards. GET /charges?order_id= and GET /refunds?order_id= show the books.
    """

    name = "payment"

    def __init__(self, folder: Path | None = None, decline_over: int = DECLINED_OVER) -> None:
        self._decline_over = decline_over
        super().__init__(folder)

    def empty(self) -> None:
        self._charges = self.book("charges")
        self._refunds = self.book("refunds")

    @property
    def charges(self) -> list[dict[str, Any]]:
        """The charges that were made, approved or since refunded: {"id", "key", "order_id", "amount", "status",
        "requests"}; `requests` is how often the charge was asked for."""
        return [dict(charge) for charge in self._charges.records() if charge["status"] != "declined"]

    @property
    def declined(self) -> list[dict[str, Any]]:
        """The charges that were declined, in the same form."""
        return [dict(charge) for charge in self._charges.records() if charge["status"] == "declined"]

    @property
    def refunds(self) -> list[dict[str, Any]]:
        """What was given back: {"order_id", "amount"}."""
        return [dict(refund) for refund in self._refunds.records()]

    def routes(self) -> dict[str, Work]:
        return {
            "POST /charges": lambda seen: self._charge(seen, self._decline_over),
            "GET /charges": self._list_charges,
            "POST /refunds": self._refund,
            "GET /refunds": self._list_refunds,
        }

    def decline(self, seen: Seen) -> Reply:
        """Decline the charge, whatever its amount; other requests are done as usual."""
        return self._charge(seen, 0) if seen.line == "POST /charges" else self.work(seen)

    def _charge(self, seen: Seen, limit: int) -> Reply:
        if not seen.key:
            return problem(400, "idempotency_key_missing", "A charge needs an Idempotency-Key.")
        asked = seen.json if isinstance(seen.json, dict) else {}
        order, amount = asked.get("order_id"), asked.get("amount")
        if order in (None, "") or not isinstance(amount, int) or amount <= 0:
            return problem(422, "invalid_request", "A charge is {order_id, amount}, the amount a positive integer.")
        charge = self._charges.get(seen.key)
        if charge is None:
            if _text(order) in self._refunds:
                return problem(409, "voided", f"Order {order} was refunded; nothing is charged for it any more.")
            status = "approved" if amount <= limit else "declined"
            charge = {"id": f"ch-{uuid.uuid4()}", "key": seen.key, "order_id": order, "amount": amount}
            charge |= {"status": status, "requests": 0}
        self._charges[seen.key] = charge = charge | {"requests": charge["requests"] + 1}
        if (charge["order_id"], charge["amount"]) != (order, amount):
            return problem(422, "key_reused", f"The key {seen.key} belongs to another charge.")
        if charge["status"] == "declined":
            return problem(402, "declined", "The card does not cover it.", reason="payment_declined", order_id=order)
        answer = {name: charge[name] for name in ("id", "key", "order_id", "amount")}
        return says(answer | {"status": "approved"}, 201)

    def _list_charges(self, seen: Seen) -> Reply:
        items = _about(self._charges.records(), seen)
        return says({"items": items, "requests": sum(item["requests"] for item in items), "keys": len(items)})

    def _refund(self, seen: Seen) -> Reply:
        order = seen.json.get("order_id") if isinstance(seen.json, dict) else None
        if order in (None, ""):
            return problem(422, "invalid_request", "A refund is {order_id}.")
        refund = self._refunds.get(_text(order))
        if refund is None:
            refund = {"order_id": order, "amount": 0}
            for key in self._charges:
                charge = self._charges[key]
                if charge["order_id"] == order and charge["status"] == "approved":
                    self._charges[key] = charge | {"status": "refunded"}
                    refund["amount"] += charge["amount"]
            self._refunds[_text(order)] = refund
        return says(refund, 201)

    def _list_refunds(self, seen: Seen) -> Reply:
        return says({"items": _about(self._refunds.records(), seen)})


def _text(order: Any) -> str:
    """The order's id as a key; 7 and "7" are different ids."""
    return json.dumps(order)


def _about(records: list[dict[str, Any]], seen: Seen) -> list[dict[str, Any]]:
    """The records of the order that the query names, or all."""
    order = seen.query.get("order_id")
    return [record for record in records if not order or str(record["order_id"]) == order]


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(lambda folder: Payment(folder, int(os.environ.get("DECLINE_OVER", "") or DECLINED_OVER)))
