"""A payment provider: idempotent by key, as those that deserve the name are."""

from __future__ import annotations

import uuid
from typing import Any

from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub, Work

DECLINED_OVER = 80_000
"""Amounts above this (UZS) are declined."""


class Payment(Stub):
    """POST /charges {order_id, amount} under an Idempotency-Key: 201 approved, 402 declined; the same key gets the same
    answer. POST /refunds {order_id} gives back all that was charged for it. GET /charges?order_id= shows the books.
    """

    name = "payment"

    def empty(self) -> None:
        self._books: list[dict[str, Any]] = []
        self._asked: dict[str, tuple[Any, Any]] = {}
        self._answers: dict[str, Reply] = {}
        self.refunds: list[dict[str, Any]] = []
        """What was given back: {"order_id", "amount"}."""

    @property
    def charges(self) -> list[dict[str, Any]]:
        """The charges that were made: {"id", "key", "order_id", "amount", "status"}, approved or since refunded."""
        return [dict(entry) for entry in self._books if entry["status"] != "declined"]

    @property
    def declined(self) -> list[dict[str, Any]]:
        """The charges that were declined, in the same form."""
        return [dict(entry) for entry in self._books if entry["status"] == "declined"]

    def routes(self) -> dict[str, Work]:
        return {
            "POST /charges": self._charge,
            "GET /charges": self._list,
            "POST /refunds": self._refund,
        }

    def _charge(self, seen: Seen) -> Reply:
        if not seen.key:
            return problem(400, "idempotency_key_missing", "A charge needs an Idempotency-Key.")
        asked = seen.json if isinstance(seen.json, dict) else {}
        order, amount = asked.get("order_id"), asked.get("amount")
        if order in (None, "") or not isinstance(amount, int) or amount <= 0:
            return problem(422, "invalid_request", "A charge is {order_id, amount}, the amount a positive integer.")
        if seen.key not in self._answers:
            self._asked[seen.key] = (order, amount)
            self._answers[seen.key] = self._decide(seen.key, order, amount)
        elif self._asked[seen.key] != (order, amount):
            return problem(422, "key_reused", f"The key {seen.key} belongs to another charge.")
        return self._answers[seen.key]

    def _decide(self, key: str, order: Any, amount: int) -> Reply:
        if any(refund["order_id"] == order for refund in self.refunds):
            return problem(409, "voided", f"Order {order} was refunded; nothing is charged for it any more.")
        status = "approved" if amount <= DECLINED_OVER else "declined"
        entry = {"id": f"ch-{uuid.uuid4()}", "key": key, "order_id": order, "amount": amount, "status": status}
        self._books.append(entry)
        if status == "declined":
            return problem(402, "declined", "The card does not cover it.", reason="payment_declined", order_id=order)
        return says(entry, 201)

    def _list(self, seen: Seen) -> Reply:
        order = seen.query.get("order_id")
        return says({"items": [e for e in self._books if order is None or str(e["order_id"]) == order]})

    def _refund(self, seen: Seen) -> Reply:
        order = seen.json.get("order_id") if isinstance(seen.json, dict) else None
        if order in (None, ""):
            return problem(422, "invalid_request", "A refund is {order_id}.")
        refund = next((one for one in self.refunds if one["order_id"] == order), None)
        if refund is None:
            refund = {"order_id": order, "amount": 0}
            for entry in self._books:
                if entry["order_id"] == order and entry["status"] == "approved":
                    entry["status"] = "refunded"
                    refund["amount"] += entry["amount"]
            self.refunds.append(refund)
        return says(refund, 201)
