"""A service behind the gateway, and what becomes of a request that it does not answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import httpx

from lab.chassis.client import http_client
from lab.chassis.problems import Problem


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a visitor asked for. `path` is as it came, still quoted."""

    method: str
    path: str
    params: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    kind: str = ""

    @property
    def reads(self) -> bool:
        """Whether it may be asked twice, and of anybody: it changes nothing."""
        return self.method == "GET"


class Unavailable(Problem):
    """The service gave no answer."""


class Neighbour:
    """One service, called by its `name`."""

    def __init__(self, name: str, url: str, timeout: float) -> None:
        self.name = name
        self._client = http_client(url, read=timeout)

    def send(self, call: Call) -> httpx.Response:
        """Its answer, whatever it is. Nothing is sent twice: of a request that got no answer nobody knows whether it
        was done. Raises Unavailable."""
        headers = {"Content-Type": call.kind} if call.kind else {}
        try:
            return self._client.request(
                call.method, call.path, params=call.params, content=call.body or None, headers=headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise self._unavailable(503, f"{self.name} cannot be reached: {error!r}") from error
        except httpx.HTTPError as error:
            raise self._unavailable(504, f"{self.name} did not answer: {error!r}") from error

    def close(self) -> None:
        self._client.close()

    def _unavailable(self, status: int, detail: str) -> Unavailable:
        return Unavailable(status, f"{self.name}_unavailable", f"{detail}.", headers={"Retry-After": "1"})
