"""Talking to the payment provider, which may be slow, gone, or lose its answer."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class ProviderUnavailable(Exception):
    """Nobody knows whether it was charged: ask again, with the same key."""


@dataclass(frozen=True)
class Decision:
    status: str
    charge_id: str = ""


class Provider:
    def __init__(self, url: str, timeout: float) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def charge(self, order_id: str, amount: int) -> Decision:
        """Charge, or be told again what came of it: the order's id is the key, so the provider charges it once however
        often we ask. Raises ProviderUnavailable."""
        headers = {**outgoing_headers(), "Idempotency-Key": order_id}
        try:
            answer = self._client.post("/charges", json={"order_id": order_id, "amount": amount}, headers=headers)
        except httpx.HTTPError as error:
            raise ProviderUnavailable(repr(error)) from error
        if answer.status_code == httpx.codes.CREATED:
            return Decision("approved", str(answer.json()["id"]))
        if answer.status_code == httpx.codes.PAYMENT_REQUIRED:
            return Decision("declined")
        raise ProviderUnavailable(f"answered {answer.status_code}")

    def close(self) -> None:
        self._client.close()
