"""Users, as somebody else's service knows them."""

from __future__ import annotations

from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says


class Users(Stub):
    """GET /users/{id}, and GET /users?ids=a,b for those of the ids that are known."""

    name = "users"

    def empty(self) -> None:
        self._users = self.book("users")

    @property
    def users(self) -> dict[str, dict[str, Any]]:
        """All users by id (text)."""
        return {user: self._users[user] for user in self._users}

    def add(self, id: Any, name: str = "Malika", email: str = "malika@example.com", **more: Any) -> dict[str, Any]:
        """Add this user, or replace the one with this id. `more` are fields outside the contract."""
        user = {"id": id, "name": name, "email": email, **more}
        self._users[str(id)] = user
        return user

    def remove(self, id: Any) -> None:
        self._users.take(str(id))

    def furnish(self) -> None:
        self.add(id="1")

    def routes(self) -> dict[str, Work]:
        return {"GET /users/{id}": self._one, "GET /users": self._some}

    def _one(self, _: Seen, id: str) -> Reply:
        user = self._users.get(id)
        return says(user) if user else problem(404, "unknown_user", f"There is no user {id}.")

    def _some(self, seen: Seen) -> Reply:
        wanted = seen.query["ids"].split(",") if "ids" in seen.query else list(self._users)
        return says({"items": [self._users[id] for id in wanted if id in self._users]})


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Users)
