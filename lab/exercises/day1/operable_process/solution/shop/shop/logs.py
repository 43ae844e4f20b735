"""Log lines: one JSON object each, on stdout. Where they are kept, and for how long, is not the service's business."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""The id of the request under way. Each has its own: a global variable would be everybody's."""

LEVELS = {"WARNING": "warn", "CRITICAL": "error"}


class JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": LEVELS.get(record.levelname, record.levelname.lower()),
            "service": self._service,
            "msg": record.getMessage(),
        }
        if ident := request_id.get():
            line["request_id"] = ident
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)  # in the line: no line of its own is JSON
        return json.dumps(line, ensure_ascii=False)


def configure(service: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it remarks every call
