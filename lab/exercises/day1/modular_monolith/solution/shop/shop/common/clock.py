"""The time, as it is written down."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> str:
    """The time as RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
