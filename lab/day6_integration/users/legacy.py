"""The monolith, as users sees it: the home of the record until orders has moved out, too."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem
from lab.day6_integration.users.views import Registration, Renaming, UserView

PAGE = 500


class Legacy:
    """Each method raises Problem: what the monolith refused with, or 503 or 504 if it gave no answer."""

    def __init__(self, url: str, timeout: float) -> None:
        self._client = http_client(url, read=timeout)

    def find(self, user_id: str) -> UserView | None:
        try:
            return UserView.model_validate(self._ask("GET", _path(user_id)))
        except Problem as problem:
            if problem.status == 404:
                return None
            raise

    def page(self, after: str) -> list[UserView]:
        """Those that come after this id, in the order of ids."""
        found = self._ask("GET", "/users", params={"after": after, "limit": PAGE})
        return [UserView.model_validate(item) for item in found["items"]]

    def register(self, registration: Registration) -> UserView:
        return UserView.model_validate(self._ask("POST", "/users", json=registration.model_dump()))

    def rename(self, user_id: str, renaming: Renaming) -> UserView:
        return UserView.model_validate(self._ask("PATCH", _path(user_id), json=renaming.model_dump()))

    def remove(self, user_id: str) -> None:
        self._ask("DELETE", _path(user_id))

    def close(self) -> None:
        self._client.close()

    def _ask(self, method: str, path: str, **what: Any) -> Any:
        try:
            response = self._client.request(method, path, **what)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _unavailable(503, f"The monolith cannot be reached: {error!r}.") from error
        except httpx.HTTPError as error:
            raise _unavailable(504, f"The monolith did not answer: {error!r}.") from error
        if response.status_code >= 500:
            raise _unavailable(503, f"The monolith answered {response.status_code}.")
        if response.is_error:
            said = response.json()
            raise Problem(response.status_code, said["code"], said["detail"])
        return response.json() if response.content else None


def _path(user_id: str) -> str:
    return f"/users/{quote(user_id, safe='')}"


def _unavailable(status: int, detail: str) -> Problem:
    return Problem(status, "legacy_unavailable", detail, headers={"Retry-After": "1"})
