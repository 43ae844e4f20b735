"""`Retry-After`: when a neighbour wants to be asked again (RFC 9110: seconds, or an HTTP date)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx


def retry_after(answer: httpx.Response) -> float:
    """The seconds that the answer asks for; 0 if it asks for none, or for something else.

    A date is compared with the answer's own `Date`: our clock and the neighbour's need not agree.
    """
    asked = answer.headers.get("Retry-After", "").strip()
    if asked.isascii() and asked.isdecimal():
        return float(asked)
    until = _moment(asked)
    if until is None:
        return 0.0
    now = _moment(answer.headers.get("Date", "")) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _moment(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
