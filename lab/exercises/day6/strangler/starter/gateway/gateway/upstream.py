"""Those behind the gateway: a request goes on as it came, and there is an answer or there is none."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

import httpx
from fastapi import Request, Response

from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES


class Unavailable(Exception):
    """No answer came. Whether the work was done, nobody knows."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request. `path` is as it stands on the wire, with its query."""

    method: str
    path: str
    body: bytes = b""
    content_type: str = "application/json"


class Upstream:
    def __init__(self, name: str, url: str, timeout: float) -> None:
        """`timeout` in seconds."""
        self.name = name
        # An idle connection is given up before the other side closes it, for a POST must not meet a closed one.
        limits = httpx.Limits(max_connections=None, keepalive_expiry=2.0)
        self._http = httpx.AsyncClient(
            base_url=url, timeout=timeout, limits=limits, trust_env=False, verify=AUTHORITIES
        )

    async def send(self, call: Call) -> httpx.Response:
        """Raises Unavailable."""
        headers = outgoing_headers()
        if call.body:
            headers["Content-Type"] = call.content_type
        try:
            return await self._http.request(call.method, call.path, content=call.body, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.name} does not answer: {error!r}") from error

    async def close(self) -> None:
        await self._http.aclose()


async def call_of(request: Request) -> Call:
    """What came in, to be passed on."""
    path = request.scope["raw_path"].decode("ascii")
    query = request.scope["query_string"].decode("ascii")
    return Call(
        method=request.method,
        path=f"{path}?{query}" if query else path,
        body=await request.body(),
        content_type=request.headers.get("content-type", "application/json"),
    )


def passed_on(answer: httpx.Response) -> Response:
    """The answer as it came; of its headers only those that still mean the same one hop further."""
    kept = {name: answer.headers[name] for name in ("content-type", "retry-after", "allow") if name in answer.headers}
    return Response(answer.content, answer.status_code, kept)


def user_path(user_id: str, prefix: str = "/users") -> str:
    return f"{prefix}/{quote(user_id, safe='')}"
