"""How a message says to what it belongs."""

from __future__ import annotations


def correlation(request_id: bytes, traceparent: bytes) -> str:
    """X-Request-ID, or else the trace id of a W3C traceparent."""
    if request_id:
        return request_id.decode("latin-1")
    parts = traceparent.decode("latin-1").split("-")
    return parts[1] if len(parts) >= 4 and len(parts[1]) == 32 else ""
