"""What a request asks for, without what is somebody's own: `POST /orders/…/pay`."""

from __future__ import annotations

import re

_OWN = re.compile(r"(?=.*[0-9])[\w.~%-]+|[\w.~%-]{25,}|[\w.~%-]+-[0-9a-f]{6,}")
"""A part of a path that is an id: it has a digit, is longer than words are, or ends as hexadecimal ids do."""


def operation(op: str) -> str:
    """The operation of which `op` is one; what is no method and path is its own."""
    method, blank, path = op.partition(" ")
    if not path.startswith("/"):
        return op
    parts = ("…" if _OWN.fullmatch(part) else part for part in path.partition("?")[0].split("/"))
    return f"{method}{blank}{'/'.join(parts)}"
