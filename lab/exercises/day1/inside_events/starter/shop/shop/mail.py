"""The mail server, which writes to the users."""

from __future__ import annotations

import httpx

from lab.chassis.tls import AUTHORITIES


class Mail:
    """Any thread may use it."""

    def __init__(self, url: str, timeout: float) -> None:
        """`timeout` is in seconds, for each step of an exchange: connecting, sending, the next bytes of the answer."""
        self._client = httpx.Client(base_url=url, timeout=timeout, verify=AUTHORITIES)

    def send(self, user_id: str, template: str) -> None:
        """Ask for a mail and wait. Raises httpx.HTTPError if there is no answer, or one that is no success."""
        self._client.post("/notify", json={"user_id": user_id, "template": template}).raise_for_status()

    def close(self) -> None:
        self._client.close()
