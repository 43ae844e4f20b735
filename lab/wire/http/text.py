"""What the lab writes of an HTTP message, and the one answer that it writes itself."""

from __future__ import annotations

import json
from functools import lru_cache
from http import HTTPStatus

from lab.faults.fault import Fault
from lab.system.secrets import blank_path, blank_query

PATH_LIMIT = 200
QUERY_LIMIT = 200
LOOKED_AT = 2 * (PATH_LIMIT + QUERY_LIMIT)
"""Bytes of a target that are looked at: more than are shown, so that nothing shown is half a secret."""


@lru_cache(1024)
def split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request's target, without secrets."""
    path, mark, query = target[:LOOKED_AT].decode("utf-8", "replace").partition("?")
    if "://" in path and not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    path, query = blank_path(path), blank_query(query.partition("#")[0])
    return _cut(path, PATH_LIMIT), "?" + _cut(query, QUERY_LIMIT) if mark else ""


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[:limit] + "…"


def refusal(fault: Fault, method: str, keep_alive: bool) -> bytes:
    """The answer of a `status` fault, as a whole."""
    code = int(fault.params["code"])
    try:
        phrase = HTTPStatus(code).phrase
    except ValueError:
        phrase = "Injected"
    head = f"HTTP/1.1 {code} {phrase}\r\n" + ("" if keep_alive else "Connection: close\r\n")
    if code in (204, 304):
        return f"{head}\r\n".encode()
    problem = {"type": "about:blank", "title": phrase, "status": code, "code": "fault_injected"}
    body = json.dumps(problem).encode()
    head += f"Content-Type: application/problem+json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + (b"" if method == "HEAD" else body)
