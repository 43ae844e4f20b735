"""A mail server: messages to users."""

from __future__ import annotations

import uuid
from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says


class Notify(Stub):
    """POST /notify {user_id, template, order_id}: 202. A second message under the same Idempotency-Key is not sent.
    GET /mails?order_id= shows what was sent, and how many requests that took.
    """

    name = "notify"

    def empty(self) -> None:
        self._mails = self.book("mails")

    @property
    def sent(self) -> list[dict[str, Any]]:
        """What was sent, as it was asked for."""
        return [dict(mail["asked"]) for mail in self._mails.records()]

    def routes(self) -> dict[str, Work]:
        return {"POST /notify": self._notify, "GET /mails": self._list}

    def decline(self, _: Seen) -> Reply:
        return problem(422, "undeliverable", "There is no such mailbox.")

    def _notify(self, seen: Seen) -> Reply:
        if not isinstance(seen.json, dict) or not seen.json.get("template"):
            return problem(422, "invalid_request", "A notification is {user_id, template, order_id}.")
        key = seen.key or str(uuid.uuid4())
        mail = self._mails.get(key) or {"key": key, "asked": seen.json, "requests": 0}
        self._mails[key] = mail | {"requests": mail["requests"] + 1}
        return says({"status": "accepted", **mail["asked"]}, 202)

    def _list(self, seen: Seen) -> Reply:
        order = seen.query.get("order_id")
        items = [
            {"key": mail["key"], **mail["asked"], "requests": mail["requests"]}
            for mail in self._mails.records()
            if not order or str(mail["asked"].get("order_id")) == order
        ]
        return says({"items": items, "requests": sum(item["requests"] for item in items)})


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Notify)
