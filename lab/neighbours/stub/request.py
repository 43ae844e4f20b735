"""What a stub saw and what it answers, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived, complete. `at` is time.monotonic(); `conn` numbers the stub's connections from 1.

    Names of headers are in lower case. `json` is None where the body is not JSON.
    """

    at: float
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    json: Any
    conn: int

    @property
    def key(self) -> str:
        """The Idempotency-Key, empty if there was none."""
        return self.headers.get("idempotency-key", "")

    @property
    def line(self) -> str:
        """`POST /charges`."""
        return f"{self.method} {self.path}"

    def matches(self, pattern: str) -> bool:
        """Whether method and path fit a pattern like `GET /users/*`; `*` alone fits all."""
        return pattern == "*" or fnmatchcase(self.line, pattern)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a stub answers. `pace` is the seconds to wait before each byte of the body (0: all at once); `cut` ends the
    connection after half of the body."""

    status: int
    body: bytes = b""
    type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    pace: float = 0.0
    cut: bool = False


def says(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """The value as JSON."""
    return Reply(status, msgspec.json.encode(value), headers=headers or {})


def problem(
    status: int, code: str = "", detail: str = "", headers: Mapping[str, str] | None = None, **members: Any
) -> Reply:
    """An error as `application/problem+json`; `code` is the status' name where none is given."""
    known = HTTPStatus(status) if status in HTTPStatus._value2member_map_ else None
    title = known.phrase if known else f"Status {status}"
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail or f"{title}.",
        "code": code or (known.name.lower() if known else f"status_{status}"),
    }
    return Reply(status, msgspec.json.encode(body | members), "application/problem+json", headers or {})
