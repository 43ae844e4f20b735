"""The one who decides about money: users, asked over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx

from lab.chassis.ids import outgoing_headers
from lab.chassis.problems import Problem
from lab.chassis.tls import AUTHORITIES

_RETRY_AFTER = {"Retry-After": "1"}


class Authority:
    """Its yes and its no are passed on. No answer is neither: 503, and the client may ask again under its key."""

    def __init__(self, url: str, timeout: float) -> None:
        self._timeout = timeout
        self._client = httpx.Client(base_url=url, timeout=timeout, trust_env=False, verify=AUTHORITIES)

    def withdraw(self, user_id: str, amount: int, key: str) -> Any:
        """The withdrawal as users tells of it. Raises Problem.

        What we give up on is still on its way, and arrives when the network heals. So it says until when we wait: after
        that the client has been told that it failed, and it must not be done any more.
        """
        deadline = datetime.now(UTC) + timedelta(seconds=self._timeout)
        headers = outgoing_headers() | {"Idempotency-Key": key, "X-Deadline": deadline.isoformat()}
        path = f"/users/{quote(user_id, safe='')}/withdraw"
        try:
            answer = self._client.post(path, json={"amount": amount}, headers=headers)
        except httpx.HTTPError as error:
            raise _partitioned() from error
        if answer.status_code == httpx.codes.CREATED:
            return answer.json()
        problem = _problem(answer)
        if answer.is_server_error or problem.get("code") in (None, "too_late"):
            raise _partitioned()
        raise Problem(answer.status_code, problem["code"], problem.get("detail", ""))

    def close(self) -> None:
        self._client.close()


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _partitioned() -> Problem:
    return Problem(503, "partitioned", "The users service cannot be reached. Try again.", headers=_RETRY_AFTER)
