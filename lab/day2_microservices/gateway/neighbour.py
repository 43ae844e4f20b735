"""A service behind the gateway, and what becomes of a request that it does not answer."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem


class Unavailable(Problem):
    """The service gave no answer, or an answer that means: later."""


class Neighbour:
    """One service, called by its `name`."""

    def __init__(self, name: str, url: str, timeout: float) -> None:
        self.name = name
        self._client = http_client(url, read=timeout)

    def get(self, path: str, **params: str | int) -> httpx.Response:
        """Its answer for a page. Raises Unavailable."""
        response = self.send("GET", path, params=params)
        if response.status_code >= 500:
            raise self._unavailable(503, f"{self.name} answered {response.status_code}")
        return response

    def send(
        self, method: str, path: str, *, params: Mapping[str, str | int], body: bytes = b"", kind: str = ""
    ) -> httpx.Response:
        """Its answer, whatever it is. Nothing is sent twice: of a request that got no answer nobody knows whether it
        was done. Raises Unavailable."""
        headers = {"Content-Type": kind} if kind else {}
        try:
            return self._client.request(method, path, params=params, content=body or None, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._unavailable(503, f"{self.name} cannot be reached: {error!r}") from error
        except httpx.HTTPError as error:
            raise self._unavailable(504, f"{self.name} did not answer: {error!r}") from error

    def close(self) -> None:
        self._client.close()

    def _unavailable(self, status: int, detail: str) -> Unavailable:
        return Unavailable(status, f"{self.name}_unavailable", f"{detail}.", headers={"Retry-After": "1"})
