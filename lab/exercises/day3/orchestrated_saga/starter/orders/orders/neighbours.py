"""Asking inventory, payment and the mail server. Each may be slow, gone, or lose its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unanswered(Exception):
    """Nobody knows whether it was done: ask again, with the same key."""


class Refused(Exception):
    """The neighbour has said no, and why. Asking again gets the same answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Urls:
    inventory: str
    payment: str
    notify: str


class Neighbours:
    """Every method returns when it is done, and raises Refused or Unanswered. Any number of threads may call."""

    def __init__(self, urls: Urls, timeout: float) -> None:
        self._urls = urls
        self._client = httpx.Client(
            timeout=timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            trust_env=False,
            verify=AUTHORITIES,
        )

    def reserve(self, order_id: str, sku: str) -> None:
        body = {"order_id": order_id, "sku": sku}
        self._ask("POST", f"{self._urls.inventory}/reservations", f"{order_id}:reserve", body)

    def charge(self, order_id: str, amount: int) -> None:
        body = {"order_id": order_id, "amount": amount}
        self._ask("POST", f"{self._urls.payment}/charges", f"{order_id}:charge", body)

    def confirm(self, order_id: str) -> None:
        self._ask("POST", f"{self._urls.inventory}/reservations/{order_id}/commit", f"{order_id}:confirm")

    def notify(self, order_id: str) -> None:
        body = {"order_id": order_id, "template": "order_confirmed"}
        self._ask("POST", f"{self._urls.notify}/notify", f"{order_id}:notify", body)

    def refund(self, order_id: str) -> None:
        self._ask("POST", f"{self._urls.payment}/refunds", f"{order_id}:refund", {"order_id": order_id})

    def release(self, order_id: str) -> None:
        self._ask("DELETE", f"{self._urls.inventory}/reservations/{order_id}", f"{order_id}:release")

    def close(self) -> None:
        self._client.close()

    def _ask(self, method: str, url: str, key: str, body: dict[str, Any] | None = None) -> None:
        headers = {**outgoing_headers(), "Idempotency-Key": key}
        try:
            answer = self._client.request(method, url, json=body, headers=headers)
        except httpx.HTTPError as error:
            raise Unanswered(repr(error)) from error
        if answer.is_success:
            return
        if answer.status_code in (402, 409, 422):
            raise Refused(_reason(answer))
        raise Unanswered(f"{method} {url} was answered with {answer.status_code}")


def _reason(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    code = str(problem.get("code", "refused")) if isinstance(problem, dict) else "refused"
    return "payment_declined" if code == "declined" else code
