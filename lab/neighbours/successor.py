"""Users of two releases: as everybody knows them, and as their own team goes on with them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lab.neighbours.stub import Reply, Seen, Work, problem, says
from lab.neighbours.users import Users

TYPE = "application/json; charset=utf-8"


class Successor(Users):
    """What `Users` answers, until `release` is 2: from then on the same promises in other clothes.

    Who there is and who there is not, statuses and ids stay. Everything else that a careless reader could hold on to
    changes: fields that came first come last or not at all, there are new ones, with values that no list has, an e-mail
    may be null, a 404 has another body, and the media type says its charset.
    """

    name = "successor"

    def empty(self) -> None:
        super().empty()
        self.release = 1

    def routes(self) -> dict[str, Work]:
        return {"GET /users/{id}": self._released, "GET /users": self._released_list}

    def _released(self, seen: Seen, id: str) -> Reply:
        reply = self._one(seen, id)
        if self.release == 1:
            return reply
        if reply.status != 200:
            return replace(problem(404, "no_such_account", "No account has this id.", trace="e-1"), headers=NEW)
        return replace(says(_later(self.users[id]), headers=NEW), type=TYPE)

    def _released_list(self, seen: Seen) -> Reply:
        reply = self._some(seen)
        if self.release == 1:
            return reply
        wanted = seen.query["ids"].split(",") if "ids" in seen.query else list(self.users)
        found = [_later(self.users[id]) for id in reversed(wanted) if id in self.users]
        return replace(says({"count": len(found), "items": found}, headers=NEW), type=TYPE)


NEW = {"X-Release": "2", "Cache-Control": "no-store"}


def _later(user: dict[str, Any]) -> dict[str, Any]:
    """The record as release 2 shows it."""
    return {
        "_links": {"self": {"href": f"/users/{user['id']}"}, "orders": None},
        "status": "on_sabbatical",
        "phones": ["+998 90 000 00 00"],
        "name": user["name"],
        "email": None,
        "id": user["id"],
    }


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Successor)
