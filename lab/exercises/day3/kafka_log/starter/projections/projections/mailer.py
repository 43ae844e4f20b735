"""Talking to the mailer, which may be slow, gone, or lose its answer."""

from __future__ import annotations

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class NotSent(Exception):
    """Nobody knows whether the mail went out: ask again, with the same key."""


class Mailer:
    """Any thread may use it."""

    def __init__(self, url: str, timeout: float) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def send(self, template: str, order_id: str, key: str) -> None:
        """Have the mail sent; under one `key` the mailer sends it once, however often we ask. Raises NotSent."""
        headers = {**outgoing_headers(), "Idempotency-Key": key}
        try:
            answer = self._client.post("/notify", json={"template": template, "order_id": order_id}, headers=headers)
        except httpx.HTTPError as error:
            raise NotSent(repr(error)) from error
        if answer.status_code != httpx.codes.ACCEPTED:
            raise NotSent(f"the mailer answered {answer.status_code}")

    def close(self) -> None:
        self._client.close()
