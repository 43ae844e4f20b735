"""Talking to the payment provider, which may be slow, gone, or lose its answer."""

from __future__ import annotations

from typing import Any, Literal

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES

Decision = Literal["approved", "declined", "refunded"]


class ProviderUnavailable(Exception):
    """Nobody knows whether it was done: ask again, with the same key."""


class Provider:
    def __init__(self, url: str, timeout: float) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def charge(self, order_id: str, amount: int) -> Decision:
        """Charge, or be told again what came of it. `refunded`: the order was refunded before, so nothing is charged
        for it any more. Raises ProviderUnavailable."""
        answer = self._post("/charges", order_id, {"order_id": order_id, "amount": amount})
        if answer.status_code == httpx.codes.CREATED:
            return "approved"
        if answer.status_code == httpx.codes.PAYMENT_REQUIRED:
            return "declined"
        if answer.status_code == httpx.codes.CONFLICT:
            return "refunded"
        raise ProviderUnavailable(f"a charge was answered with {answer.status_code}")

    def refund(self, order_id: str) -> None:
        """Have everything given back that was charged for the order, however often this is called; nothing is charged
        for it afterwards. Raises ProviderUnavailable."""
        answer = self._post("/refunds", f"refund-{order_id}", {"order_id": order_id})
        if answer.status_code != httpx.codes.CREATED:
            raise ProviderUnavailable(f"a refund was answered with {answer.status_code}")

    def close(self) -> None:
        self._client.close()

    def _post(self, path: str, key: str, body: dict[str, Any]) -> httpx.Response:
        try:
            return self._client.post(path, json=body, headers={**outgoing_headers(), "Idempotency-Key": key})
        except httpx.HTTPError as error:
            raise ProviderUnavailable(repr(error)) from error
