"""What the lab writes of an HTTP message, and the one answer that it writes itself."""

from __future__ import annotations

import json
from http import HTTPStatus

from lab.faults.fault import Fault

PATH_LIMIT = 200
QUERY_LIMIT = 200

_SECRETS = ("token", "key", "secret", "pass", "pwd", "auth", "sig", "session", "code", "credential", "jwt")


def split_target(target: bytes) -> tuple[str, str]:
    """Path and query of a request's target; the values of parameters whose names sound secret are blanked."""
    if target[:1] == b"/" and len(target) <= PATH_LIMIT and b"?" not in target:
        return target.decode("utf-8", "replace"), ""
    path, mark, query = target.decode("utf-8", "replace").partition("?")
    if "://" in path and not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    if len(path) > PATH_LIMIT:
        path = path[:PATH_LIMIT] + "…"
    return path, "?" + _blanked(query) if mark else ""


def _blanked(query: str) -> str:
    pairs = []
    for pair in query.partition("#")[0].split("&"):
        name, equals, value = pair.partition("=")
        secret = equals and any(word in name.lower() for word in _SECRETS)
        pairs.append(f"{name}=…" if secret else f"{name}{equals}{value}")
    blanked = "&".join(pairs)
    return blanked if len(blanked) <= QUERY_LIMIT else blanked[:QUERY_LIMIT] + "…"


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
