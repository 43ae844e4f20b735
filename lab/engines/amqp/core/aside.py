"""Messages that the broker cannot handle: kept in a file of their own, so that they stop nobody and are not lost."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Sequence
from pathlib import Path

from lab.engines.amqp.core.broker import GiveUp
from lab.engines.amqp.core.message import Message, split_address
from lab.engines.amqp.core.records import SavedMessage

NAME = "set-aside.ndjson"
"""In the data folder: a JSON object a line with `queue`, `why`, `exchange`, `routing_key`, and in base64 `header` (the
content header's payload) and `body`."""


def into(folder: Path | None, say: Callable[[str], None]) -> GiveUp:
    """Writes messages there and says so; without a folder it can only say so."""

    def give_up(queue: str, messages: Sequence[Message | SavedMessage], error: Exception) -> None:
        why = str(error) or type(error).__name__
        one = len(messages) == 1
        told = f"{'a message' if one else f'{len(messages)} messages'} of queue '{queue}' cannot be handled ({why})"
        if folder is None:
            say(f"{told}: {'it is' if one else 'they are'} lost")
            return
        path = folder / NAME
        try:
            with path.open("a", encoding="utf-8") as file:
                for message in messages:
                    file.write(json.dumps(_line(queue, message, why)) + "\n")
        except OSError as refused:
            say(f"{told}, nor be kept in {path}: {refused.strerror}: {'it is' if one else 'they are'} lost")
            return
        say(f"{told}: {'it is' if one else 'they are'} set aside in {path}")

    return give_up


def _line(queue: str, message: Message | SavedMessage, why: str) -> dict[str, str]:
    exchange, routing_key = split_address(message.address or b"\0\0")
    body = message.body if isinstance(message, Message) else message.whole_body()
    return {
        "queue": queue,
        "why": why,
        "exchange": exchange,
        "routing_key": routing_key,
        "header": b64encode(message.header).decode(),
        "body": b64encode(body).decode(),
    }
