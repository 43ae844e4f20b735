"""Recommendations, which a page can do without."""

from __future__ import annotations

from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, says


class Reco(Stub):
    """GET /recommendations/{user_id}: {"items": [...]}, for every user; the same ones unless others are set."""

    name = "reco"

    def empty(self) -> None:
        self._own = self.book("recommendations")
        self.items: list[Any] = [{"id": "p-1", "name": "green tea"}, {"id": "p-2", "name": "ikat scarf"}]
        """For users that have none of their own."""

    def set(self, user_id: Any, items: list[Any]) -> None:
        self._own[str(user_id)] = {"items": items}

    def routes(self) -> dict[str, Work]:
        return {"GET /recommendations/{user_id}": self._for}

    def _for(self, _: Seen, user_id: str) -> Reply:
        return says(self._own.get(user_id) or {"items": self.items})


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Reco)
