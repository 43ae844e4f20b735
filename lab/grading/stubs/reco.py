"""Recommendations: nice to have."""

from __future__ import annotations

from typing import Any

from lab.grading.stubs.request import Reply, Seen, says
from lab.grading.stubs.stub import Stub, Work


class Reco(Stub):
    """GET /recommendations/{user_id}: {"items": [...]}, for every user; the same ones unless others are set."""

    name = "reco"

    def empty(self) -> None:
        self._own: dict[str, list[Any]] = {}
        self.items: list[Any] = [{"id": "p-1", "name": "green tea"}, {"id": "p-2", "name": "ikat scarf"}]
        """For whoever has none of their own."""

    def set(self, user_id: Any, items: list[Any]) -> None:
        self._own[str(user_id)] = items

    def routes(self) -> dict[str, Work]:
        return {"GET /recommendations/{user_id}": self._for}

    def _for(self, _: Seen, user_id: str) -> Reply:
        return says({"items": self._own.get(user_id, self.items)})
