"""The mail server, which tells the customers."""

from __future__ import annotations

import logging

import httpx

from lab.chassis.tls import AUTHORITIES

log = logging.getLogger(__name__)


class Mail:
    """Any thread may use it."""

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` is in seconds, for each step of an exchange: connecting, sending, the next bytes of the answer."""
        self._client = httpx.Client(base_url=url, timeout=timeout, verify=AUTHORITIES)

    def order_created(self, user_id: str, order_id: str) -> None:
        """Ask for the mail and wait for the answer. An order does not depend on it, so a failure is only remarked."""
        message = {"user_id": user_id, "template": "order_created", "order_id": order_id}
        try:
            self._client.post("/notify", json=message).raise_for_status()
        except httpx.HTTPError as error:
            log.warning("no mail for order %s: %r", order_id, error)

    def close(self) -> None:
        self._client.close()
