"""The slow production database, as a store of rows over HTTP."""

from __future__ import annotations

from typing import Any

from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub, Work


class Origin(Stub):
    """GET and PUT /rows/{table}/{id}. It numbers the versions of a row, as a database would: each PUT adds one.

    A check may change rows behind the services' back.
    """

    name = "origin"

    def empty(self) -> None:
        self.rows: dict[str, dict[str, dict[str, Any]]] = {}
        """By table and id; ids are text."""

    def set(self, table: str, id: Any, row: dict[str, Any]) -> None:
        self.rows.setdefault(table, {})[str(id)] = row

    def routes(self) -> dict[str, Work]:
        return {"GET /rows/{table}/{id}": self._get, "PUT /rows/{table}/{id}": self._put}

    def _get(self, _: Seen, table: str, id: str) -> Reply:
        row = self.rows.get(table, {}).get(id)
        return problem(404, "unknown_row", f"There is no row {id} in {table}.") if row is None else says(row)

    def _put(self, seen: Seen, table: str, id: str) -> Reply:
        if not isinstance(seen.json, dict):
            return problem(422, "invalid_request", "A row is a JSON object.")
        before = self.rows.get(table, {}).get(id, {})
        self.set(table, id, {**seen.json, "id": id, "version": before.get("version", 0) + 1})
        return says(self.rows[table][id])
