"""Talking to the mailer, which may be slow, gone, lose its answer, or say no."""

from __future__ import annotations

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class NotSent(Exception):
    """Nobody knows whether the mail went out: ask again later, with the same key."""


class Refused(Exception):
    """The mailer has said no, and will say so again."""


class Mailer:
    """Any thread may use it."""

    def __init__(self, url: str, timeout: float) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def send(self, user_id: str, template: str, order_id: str) -> None:
        """Have the mail sent. The order's id is the key, so the mailer sends it once however often we ask. Raises
        NotSent, Refused."""
        mail = {"user_id": user_id, "template": template, "order_id": order_id}
        headers = {**outgoing_headers(), "Idempotency-Key": order_id}
        try:
            answer = self._client.post("/notify", json=mail, headers=headers)
        except httpx.HTTPError as error:
            raise NotSent(repr(error)) from error
        if answer.is_client_error:
            raise Refused(f"the mailer answered {answer.status_code}: {answer.text[:200]}")
        if answer.status_code != httpx.codes.ACCEPTED:
            raise NotSent(f"the mailer answered {answer.status_code}")

    def close(self) -> None:
        self._client.close()
