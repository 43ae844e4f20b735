"""A log line is one JSON object with what was given besides the words."""

from __future__ import annotations

import json
import logging

from lab.chassis.logs import JsonLines


def test_a_field_may_bear_a_name_that_logging_keeps_for_itself() -> None:
    record = logging.makeLogRecord(
        {"msg": "open", "event": "breaker", "fields": {"name": "users", "state": "open"}, "levelname": "WARNING"}
    )
    line = json.loads(JsonLines("gateway").format(record))
    assert (line["event"], line["name"], line["state"], line["msg"]) == ("breaker", "users", "open", "open")
    assert "fields" not in line
