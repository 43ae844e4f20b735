"""Asking the report service, which may be slow, gone, or lose its answer."""

from __future__ import annotations

from typing import Any

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class NoReport(Exception):
    """There is none, and the text says why. `final`: asking again would not help."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


class ReportClient:
    def __init__(self, url: str, timeout: float) -> None:
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def make(self, user_id: str, key: str) -> dict[str, Any]:
        """The report. Under one key there is only one, however often it is asked for. Raises NoReport."""
        headers = {**outgoing_headers(), "Idempotency-Key": key}
        try:
            answer = self._client.post("/reports", json={"user_id": user_id}, headers=headers)
        except httpx.HTTPError as error:
            raise NoReport(repr(error)) from error
        if not answer.is_success:
            asked_in_vain = answer.is_client_error and answer.status_code != httpx.codes.TOO_MANY_REQUESTS
            raise NoReport(f"the report service answered {answer.status_code}", final=asked_in_vain)
        try:
            report = answer.json()
        except ValueError:
            report = None
        if not isinstance(report, dict):
            raise NoReport("the report service answered something that is no report")
        return report

    def close(self) -> None:
        self._client.close()
