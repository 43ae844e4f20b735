"""Messages that the broker cannot handle: kept in a file of their own, so that they stop nobody and are not lost."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

from lab.engines.amqp.core.broker import GiveUp
from lab.engines.amqp.core.message import Message, split_address
from lab.engines.amqp.core.records import SavedMessage

NAME = "set-aside.ndjson"
"""In the data folder: a JSON object a line with `queue`, `why`, `exchange`, `routing_key`, and in base64 `header` (the
content header's payload) and `body`."""


def into(folder: Path | None, say: Callable[[str], None]) -> GiveUp:
    """Writes a message there and says so; without a folder it can only say so."""

    def give_up(queue: str, message: Message | SavedMessage, error: Exception) -> None:
        why = str(error) or type(error).__name__
        told = f"a message of queue '{queue}' cannot be handled ({why})"
        if folder is None:
            say(f"{told}: it is lost")
            return
        exchange, routing_key = split_address(message.address or b"\0\0")
        line = {
            "queue": queue,
            "why": why,
            "exchange": exchange,
            "routing_key": routing_key,
            "header": b64encode(message.header).decode(),
            "body": b64encode(message.body).decode(),
        }
        path = folder / NAME
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as refused:
            say(f"{told}, nor be kept in {path}: {refused.strerror}: it is lost")
            return
        say(f"{told}: it is set aside in {path}")

    return give_up
