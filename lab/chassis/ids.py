"""The id that travels: one request's name in every service's logs, calls and events.

It comes in as `X-Request-ID` (or as the trace id of a W3C `traceparent`, or as an event's `correlationid`), lives in a
context variable while the work is done, and goes out with every call, event and log line. An id that a service had
to invent begins with `gen-`: where one turns up, an id was lost on the way. A `traceparent` goes on beside it, in
headers of calls and of messages alike.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_correlation: ContextVar[str] = ContextVar("correlation", default="")
_trace: ContextVar[str] = ContextVar("trace", default="")

_ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,128}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-([0-9a-f]{2})(?:-.*)?")


def correlation_id() -> str:
    """The id of the work under way; empty outside any."""
    return _correlation.get()


def new_id() -> str:
    """A fresh opaque id for an entity or an event."""
    return str(uuid.uuid4())


@contextmanager
def correlated(correlation: str, traceparent: str = "") -> Iterator[str]:
    """Do the work inside under this id; one is invented where there is none or it is not fit for a header."""
    if not _ACCEPTABLE.fullmatch(correlation):
        correlation = trace_id(traceparent) or f"gen-{uuid.uuid4()}"
    token, trace_token = _correlation.set(correlation), _trace.set(traceparent)
    try:
        yield correlation
    finally:
        _correlation.reset(token)
        _trace.reset(trace_token)


def trace_id(traceparent: str) -> str:
    """The trace id in a `traceparent` header; empty if it is not a valid one."""
    match = _TRACEPARENT.fullmatch(traceparent)
    return match[1] if match and match[1].strip("0") else ""


def traceparent() -> str:
    """The `traceparent` for what goes out now: the same trace with this hop as the parent; empty outside any trace."""
    match = _TRACEPARENT.fullmatch(_trace.get())
    return f"00-{match[1]}-{uuid.uuid4().hex[:16]}-{match[2]}" if match else ""


def outgoing_headers() -> dict[str, str]:
    """The headers that pass the id on."""
    headers = {"X-Request-ID": correlation_id() or f"gen-{uuid.uuid4()}"}
    if trace := traceparent():
        headers["traceparent"] = trace
    return headers
