"""How a call ended, by name: gRPC's own statuses, and what other endings mean to a gRPC client."""

from __future__ import annotations

from typing import Final

from lab.journal.event import Outcome
from lab.journal.statuses import ERRORS, FAILED, OK

NAMES: Final = (OK, *FAILED)
"""Each at the place of its number."""

_OF_HTTP = {
    "400": "INTERNAL",
    "401": "UNAUTHENTICATED",
    "403": "PERMISSION_DENIED",
    "404": "UNIMPLEMENTED",
    "429": "UNAVAILABLE",
    "502": "UNAVAILABLE",
    "503": "UNAVAILABLE",
    "504": "UNAVAILABLE",
}

CANCEL: Final = 8
REFUSED_STREAM: Final = 7
INTERNAL_ERROR: Final = 2
NO_ERROR: Final = 0

_RESETS = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)
_OF_RESETS = {7: "UNAVAILABLE", 8: "CANCELLED", 11: "RESOURCE_EXHAUSTED", 12: "PERMISSION_DENIED"}


def name(number: bytes) -> str:
    """The status of a `grpc-status` field."""
    return NAMES[int(number)] if number.isdigit() and int(number) < len(NAMES) else "UNKNOWN"


def outcome(status: str) -> Outcome:
    """Whether an answer with this status is an error."""
    return "error" if status in ERRORS else "ok"


def of_http(status: str) -> str:
    """The status of an answer that has none of gRPC's, as of a proxy's."""
    return _OF_HTTP.get(status, "UNKNOWN")


def of_reset(code: int) -> str:
    """The status of a call whose stream the provider has reset."""
    return _OF_RESETS.get(code, "INTERNAL")


def reset_name(code: int) -> str:
    """HTTP/2's name of an error code."""
    return _RESETS[code] if code < len(_RESETS) else f"error {code}"
