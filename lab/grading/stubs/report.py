"""Reports, which take their time when they are told to."""

from __future__ import annotations

from typing import Any

from lab.grading.stubs.request import Reply, Seen, problem, says
from lab.grading.stubs.stub import Stub, Work


class Report(Stub):
    """GET /report: the figures. POST /reports {user_id} under an Idempotency-Key: 201, one a key."""

    name = "report"

    def empty(self) -> None:
        self.reports: dict[str, dict[str, Any]] = {}
        """What was made, by key."""

    def routes(self) -> dict[str, Work]:
        return {"GET /report": self._figures, "POST /reports": self._make}

    def _figures(self, _: Seen) -> Reply:
        return says({"orders": 128, "revenue": 6_400_000})

    def _make(self, seen: Seen) -> Reply:
        if not isinstance(seen.json, dict) or not seen.key:
            return problem(422, "invalid_request", "A report is {user_id}, and needs an Idempotency-Key.")
        report = {"id": f"report-{len(self.reports) + 1}", "user_id": seen.json.get("user_id"), "rows": 128}
        return says(self.reports.setdefault(seen.key, report), 201)
