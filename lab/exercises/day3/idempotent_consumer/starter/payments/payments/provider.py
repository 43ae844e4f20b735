"""Talking to the payment provider, which may be slow, gone, or lose its answer."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from lab.chassis.ids import new_id, outgoing_headers
from lab.chassis.tls import AUTHORITIES


class ProviderUnavailable(Exception):
    """Nobody knows whether it was charged."""


@dataclass(frozen=True)
class Decision:
    status: str
    charge_id: str = ""


class Provider:
    def __init__(self, url: str, timeout: float) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def charge(self, order_id: str, amount: int) -> Decision:
        """Charge. Raises ProviderUnavailable."""
        # TODO: a new key each time makes every attempt a new charge to the provider.
        headers = {**outgoing_headers(), "Idempotency-Key": new_id()}
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
