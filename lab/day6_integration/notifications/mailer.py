"""Handing a mail to the mail server."""

from __future__ import annotations

import httpx

from lab.chassis.client import http_client
from lab.chassis.retry import Rejected, TryLater


class Mailer:
    def __init__(self, url: str) -> None:
        self._client = http_client(url)

    def send(self, *, key: str, user_id: str, template: str, order_id: str) -> None:
        """Send it once, however often this is called with the same `key`. Raises Rejected if the mail server says that
        it never will, TryLater if it is not known whether it was sent."""
        mail = {"user_id": user_id, "template": template, "order_id": order_id}
        try:
            response = self._client.post("/notify", json=mail, headers={"Idempotency-Key": key})
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise TryLater(f"the mail server: {error!r}") from error
        if response.status_code == 202 and answer.get("order_id") == order_id:
            return
        if response.status_code == 422 and answer.get("code") == "undeliverable":
            raise Rejected(f"the mail server refuses: {answer.get('detail')}")
        raise TryLater(f"the mail server answered {response.status_code}")

    def close(self) -> None:
        self._client.close()
