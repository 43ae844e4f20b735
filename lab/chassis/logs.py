"""Logs as one JSON object a line on stdout: the only thing that a service says of itself."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from lab.chassis.ids import correlation_id

_PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
"""What every LogRecord carries; whatever else is on one was given as `extra` and belongs in the line."""


class JsonLines(logging.Formatter):
    """Formats a record as `{"ts", "level", "service", "msg", "correlation_id", ...}` plus what `extra` holds.

    Keys that a LogRecord has for itself (`name`) are refused in `extra`; they go in a mapping there, `fields`.
    """

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "service": self._service,
            "msg": record.getMessage(),
        }
        if correlation := correlation_id():
            line["correlation_id"] = correlation
        line.update((key, value) for key, value in vars(record).items() if key not in _PLAIN)
        line.update(line.pop("fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(service: str, stream: TextIO | None = None) -> None:
    """Send every log line of this process to `stream` (stdout) as JSON."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    # These tell in their own words what our own lines say better (a lost connection, a request).
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    logging.getLogger("httpx").setLevel(logging.WARNING)
