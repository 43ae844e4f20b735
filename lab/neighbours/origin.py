"""The slow production database, as a store of rows over HTTP."""

from __future__ import annotations

from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says


class Origin(Stub):
    """GET and PUT /rows/{table}/{id}. It numbers the versions of a row, as a database would: each PUT adds one.

    A check may change rows without the services' knowledge.
    """

    name = "origin"

    def empty(self) -> None:
        self._rows = self.book("rows")

    @property
    def rows(self) -> dict[str, dict[str, dict[str, Any]]]:
        """By table and id; ids are text."""
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for place in self._rows:
            table, _, id = place.partition("/")
            found.setdefault(table, {})[id] = self._rows[place]
        return found

    def set(self, table: str, id: Any, row: dict[str, Any]) -> None:
        self._rows[f"{table}/{id}"] = row

    def furnish(self) -> None:
        self.set("products", "1", {"id": "1", "name": "Tea", "price": 9000, "stock": 5})

    def routes(self) -> dict[str, Work]:
        return {"GET /rows/{table}/{id}": self._get, "PUT /rows/{table}/{id}": self._put}

    def _get(self, _: Seen, table: str, id: str) -> Reply:
        row = self._rows.get(f"{table}/{id}")
        return problem(404, "unknown_row", f"There is no row {id} in {table}.") if row is None else says(row)

    def _put(self, seen: Seen, table: str, id: str) -> Reply:
        if not isinstance(seen.json, dict):
            return problem(422, "invalid_request", "A row is a JSON object.")
        before = self._rows.get(f"{table}/{id}") or {}
        row = {**seen.json, "id": id, "version": before.get("version", 0) + 1}
        self.set(table, id, row)
        return says(row)


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Origin)
