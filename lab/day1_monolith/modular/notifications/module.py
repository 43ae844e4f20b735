"""A mail for each new user, when the bus tells of one."""

from __future__ import annotations

import logging

import httpx

from lab.chassis.client import http_client
from lab.day1_monolith.modular.bus import Bus
from lab.day1_monolith.modular.users import UserRegistered

log = logging.getLogger(__name__)


class Notifications:
    def __init__(self, bus: Bus, notify_url: str) -> None:
        self._client = http_client(notify_url, read=5.0)
        bus.subscribe(UserRegistered, self.welcome)

    def welcome(self, event: UserRegistered) -> None:
        mail = {"user_id": event.user_id, "template": "welcome", "order_id": ""}
        try:
            self._client.post("/notify", json=mail, headers={"Idempotency-Key": event.user_id}).raise_for_status()
        except httpx.HTTPError as error:
            log.warning("the welcome mail of user %s was not sent: %r", event.user_id, error)
        else:
            log.info("welcome mail for user %s", event.user_id, extra={"event": "mail", "id": event.user_id})

    def close(self) -> None:
        self._client.close()
