"""What differs from one machine to the next. It is read once, at the start, where what is missing is noticed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    service_name: str
    host: str
    port: int
    database_url: str
    notify_url: str
    http_timeout: float
    """In seconds."""

    @classmethod
    def of(cls, env: Mapping[str, str]) -> Settings:
        """Raises KeyError for what is not set and has no sensible default: the process then ends at once."""
        return cls(
            service_name=env.get("SERVICE_NAME", "shop"),
            host=env.get("HOST", "127.0.0.1"),
            port=int(env["PORT"]),
            database_url=env["DATABASE_URL"],
            notify_url=env["NOTIFY_URL"],
            http_timeout=int(env.get("HTTP_TIMEOUT_MS", "5000")) / 1000,
        )
