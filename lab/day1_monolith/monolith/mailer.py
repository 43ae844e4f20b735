"""Mails, sent while the visitor need not wait: by a few threads of this process."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor

import httpx

from lab.chassis.client import http_client
from lab.chassis.ids import correlated, correlation_id

log = logging.getLogger(__name__)


class Mailer:
    """What is queued here is in memory only: it is gone with the process."""

    def __init__(self, url: str) -> None:
        self._client = http_client(url, read=5.0)
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="mail")

    def welcome(self, user_id: str) -> None:
        """Send the mail soon, and return at once."""
        self._threads.submit(self._send, user_id, correlation_id())

    def close(self) -> None:
        """What is under way is sent; what has not begun is not."""
        self._threads.shutdown(cancel_futures=True)
        self._client.close()

    def _send(self, user_id: str, correlation: str) -> None:
        with correlated(correlation):
            mail = {"user_id": user_id, "template": "welcome", "order_id": ""}
            try:
                self._client.post("/notify", json=mail, headers={"Idempotency-Key": user_id}).raise_for_status()
            except httpx.HTTPError as error:
                log.warning("the welcome mail of user %s was not sent: %r", user_id, error)
            else:
                log.info("welcome mail for user %s", user_id, extra={"event": "mail", "id": user_id})
