"""Talking to the payment provider.

The same `Idempotency-Key` (the order's id) goes with every attempt, so a charge whose answer was lost is not made
twice. Only an answer that is recognisably the provider's counts as a decision; anything else (a 503, a timeout, a 402
without the provider's own words) is a technical failure and is tried again later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from lab.chassis.client import http_client
from lab.chassis.retry import TryLater


@dataclass(frozen=True)
class Approved:
    charge_id: str


@dataclass(frozen=True)
class Declined:
    reason: str


class Provider:
    def __init__(self, url: str) -> None:
        self._client = http_client(url)

    def charge(self, order_id: str, amount: int) -> Approved | Declined:
        """Ask for the money. Raises TryLater if it is not known whether it was charged."""
        status, answer = self._post("/charges", order_id, {"order_id": order_id, "amount": amount})
        if status == 201 and answer.get("order_id") == order_id:
            return Approved(str(answer["id"]))
        if status == 402 and answer.get("code") == "declined" and answer.get("order_id") == order_id:
            return Declined(str(answer.get("reason") or "payment_declined"))
        raise TryLater(f"the payment provider answered {status}")

    def refund(self, order_id: str) -> None:
        """Give back what was charged for the order, if anything was; no charge for it is accepted afterwards. Raises
        TryLater if it is not known whether that has happened."""
        status, answer = self._post("/refunds", f"refund-{order_id}", {"order_id": order_id})
        if status != 201 or answer.get("order_id") != order_id:
            raise TryLater(f"the payment provider answered a refund with {status}")

    def close(self) -> None:
        self._client.close()

    def _post(self, path: str, key: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        try:
            response = self._client.post(path, json=body, headers={"Idempotency-Key": key})
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise TryLater(f"the payment provider: {error!r}") from error
        return response.status_code, answer if isinstance(answer, dict) else {}
