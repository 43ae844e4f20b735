"""Messages to users, by mail or phone."""

from __future__ import annotations

from typing import Any

from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub, Work


class Notify(Stub):
    """POST /notify {user_id, template, order_id}: 202. What comes under a key that was there is not sent again."""

    name = "notify"

    def empty(self) -> None:
        self.sent: list[dict[str, Any]] = []
        """What was sent, as it was asked for."""
        self._keys: set[str] = set()

    def routes(self) -> dict[str, Work]:
        return {"POST /notify": self._notify}

    def _notify(self, seen: Seen) -> Reply:
        if not isinstance(seen.json, dict) or not seen.json.get("template"):
            return problem(422, "invalid_request", "A notification is {user_id, template, order_id}.")
        if seen.key not in self._keys:
            self.sent.append(seen.json)
        if seen.key:
            self._keys.add(seen.key)
        return says({"status": "accepted"}, 202)
