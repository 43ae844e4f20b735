"""Users, as a service of somebody else's would know them."""

from __future__ import annotations

from typing import Any

from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub, Work


class Users(Stub):
    """GET /users/{id}, and GET /users?ids=a,b for those of the ids that are known."""

    name = "users"

    def empty(self) -> None:
        self.users: dict[str, dict[str, Any]] = {}

    def add(self, id: Any, name: str = "Malika", email: str = "malika@example.com", **more: Any) -> dict[str, Any]:
        """From now on there is this user; one that was there is replaced. `more` are fields that nobody agreed on."""
        user = {"id": id, "name": name, "email": email, **more}
        self.users[str(id)] = user
        return user

    def remove(self, id: Any) -> None:
        self.users.pop(str(id), None)

    def routes(self) -> dict[str, Work]:
        return {"GET /users/{id}": self._one, "GET /users": self._some}

    def _one(self, _: Seen, id: str) -> Reply:
        user = self.users.get(id)
        return says(user) if user else problem(404, "unknown_user", f"There is no user {id}.")

    def _some(self, seen: Seen) -> Reply:
        wanted = seen.query["ids"].split(",") if "ids" in seen.query else list(self.users)
        return says({"items": [self.users[id] for id in wanted if id in self.users]})
