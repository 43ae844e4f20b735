"""The usual HTTP/1.1 message, read at one glance: a whole request or a whole answer in one piece.

Most messages come so, and this is several times quicker than `framing.Reader`. Whatever is not usual gives None, and is
left to the Reader, which looks closer.
"""

from __future__ import annotations

import re

_REQUEST = re.compile(rb"(?!PRI |CONNECT |HEAD )([A-Z]{3,20} /[!->@-~]{0,190}) HTTP/1\.1\r\n").match
_ANSWER = re.compile(rb"HTTP/1\.1 (20[0-35-9]|2[1-9][0-9]|30[0-35-9]|3[1-9][0-9]|[45][0-9][0-9])[ \r]").match
_LENGTH = b"\r\ncontent-length:"
_ENCODING = b"\r\ntransfer-encoding:"
_REQUEST_ID = b"\r\nx-request-id:"
_TRACE = b"\r\ntraceparent:"
_CLOSE = b"\r\nconnection: close"


def request(data: bytes) -> tuple[str, str] | None:
    """Method and path, and the X-Request-ID if it has one; None if there is a query or a traceparent, too, or if it is
    the last on its connection."""
    line = _REQUEST(data)
    end = data.find(b"\r\n\r\n") + 4
    if line is None or end == 3:
        return None
    low = data[:end].lower()
    if low.find(_CLOSE) >= 0:
        return None
    if end != len(data) or low.find(_LENGTH) >= 0:
        if not _fits(low, len(data)):
            return None
    elif low.find(_ENCODING) >= 0:
        return None
    at = low.rfind(_REQUEST_ID) + 15
    if at > 14 and (ident := data[at : low.find(b"\r\n", at)].strip()):
        return line[1].decode(), ident.decode("latin-1")
    return (line[1].decode(), "") if _uncorrelated(low) else None


def answer(data: bytes, correlated: bool) -> str | None:
    """The status of an answer whose length is given, to a request other than HEAD; unless the request is not
    `correlated` and the answer has ids of its own, or the connection ends after it."""
    line = _ANSWER(data)
    end = data.find(b"\r\n\r\n") + 4
    if line is None or end == 3:
        return None
    low = data[:end].lower()
    if not _fits(low, len(data)) or not (correlated or _uncorrelated(low)) or low.find(_CLOSE) >= 0:
        return None
    return line[1].decode()


def _uncorrelated(low: bytes) -> bool:
    return low.find(_REQUEST_ID) < 0 and low.find(_TRACE) < 0


def _fits(low: bytes, size: int) -> bool:
    """Whether the head `low` announces a body that makes `size` bytes of message with it."""
    at = low.find(_LENGTH) + 17
    digits = low[at : low.find(b"\r\n", at)].strip()
    if at < 17 or not digits.isdigit() or len(low) + int(digits) != size:
        return False
    return low.find(_ENCODING) < 0 and low.find(_LENGTH, at) < 0
