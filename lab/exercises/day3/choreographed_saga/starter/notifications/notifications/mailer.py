"""Handing a mail to the mail server."""

from __future__ import annotations

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class MailUnavailable(Exception):
    """Nobody knows whether it was sent: try again, with the same key."""


class Undeliverable(Exception):
    """The mail server says that this mail can never be sent."""


class Mailer:
    def __init__(self, url: str, timeout: float) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def send(self, order_id: str, template: str, key: str) -> None:
        """Send it; of any number of mails with the same `key` the mail server sends the first. Raises Undeliverable,
        MailUnavailable."""
        headers = {**outgoing_headers(), "Idempotency-Key": key}
        try:
            answer = self._client.post("/notify", json={"order_id": order_id, "template": template}, headers=headers)
        except httpx.HTTPError as error:
            raise MailUnavailable(repr(error)) from error
        if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
            raise Undeliverable(f"order {order_id}, {template}: {answer.text[:200]}")
        if answer.status_code != httpx.codes.ACCEPTED:
            raise MailUnavailable(f"answered {answer.status_code}")

    def close(self) -> None:
        self._client.close()
