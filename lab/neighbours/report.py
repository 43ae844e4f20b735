"""A report service. Reports take long where a check or a scenario says so."""

from __future__ import annotations

from typing import Any

from lab.neighbours.stub import Reply, Seen, Stub, Work, problem, says


class Reporting(Stub):
    """GET /report: the figures. POST /reports {user_id} under an Idempotency-Key: 201, one per key."""

    name = "report"

    def empty(self) -> None:
        self._made = self.book("reports")
        self.figures: dict[str, Any] = {"orders": 128, "revenue": 6_400_000}
        """What GET /report says."""

    @property
    def reports(self) -> dict[str, dict[str, Any]]:
        """The reports that were made, by key."""
        return {key: self._made[key] for key in self._made}

    def routes(self) -> dict[str, Work]:
        return {"GET /report": self._figures, "POST /reports": self._make}

    def _figures(self, _: Seen) -> Reply:
        return says(self.figures)

    def _make(self, seen: Seen) -> Reply:
        if not isinstance(seen.json, dict) or not seen.key:
            return problem(422, "invalid_request", "A report is {user_id}, and needs an Idempotency-Key.")
        if seen.key not in self._made:
            number = len(self._made) + 1
            self._made[seen.key] = {"id": f"report-{number}", "user_id": seen.json.get("user_id"), "rows": 128}
        return says(self._made[seen.key], 201)


if __name__ == "__main__":
    from lab.neighbours.stub.process import serve

    serve(Reporting)
