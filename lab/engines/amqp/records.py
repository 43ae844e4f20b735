"""How the durable log writes things down: records with a checksum, and what they add up to."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from lab.engines.amqp.exchange import Binding
from lab.engines.amqp.methods import short_string
from lab.engines.amqp.queue import Queue
from lab.engines.amqp.table import Table, encode_table

MAGIC = b"LABAMQ\x00\x01"
HEAD = struct.Struct(">II")
KEY = struct.Struct(">IQ")
TARGET = struct.Struct(">IQdB")
LONG = struct.Struct(">I")
LONGEST = 1 << 30


@dataclass
class SavedMessage:
    """A message of one queue as the log has it. `expires` is a wall clock time; None is never."""

    address: bytes
    header: bytes
    body: bytes
    expires: float | None
    redelivered: bool


@dataclass
class Saved:
    """All that the log holds."""

    exchanges: dict[tuple[str, str], tuple[str, bool, bool, Table]] = field(default_factory=dict)
    """(vhost, name) -> (type, auto_delete, internal, arguments)"""
    queues: dict[int, tuple[str, str, bool, Table]] = field(default_factory=dict)
    """number -> (vhost, name, auto_delete, arguments)"""
    bindings: dict[bytes, tuple[str, str, str, str, str, Table]] = field(default_factory=dict)
    """record -> (vhost, source, "queue" or "exchange", destination, routing key, arguments)"""
    messages: dict[int, dict[int, SavedMessage]] = field(default_factory=dict)
    """queue number -> position -> message"""


def records(data: bytes) -> Iterator[tuple[bytes, int]]:
    """(payload, offset of its end) for every sound record; unsound ones are stepped over where their length still
    leads to a sound one."""
    offset = len(MAGIC)
    while offset + HEAD.size <= len(data):
        size, checksum = HEAD.unpack_from(data, offset)
        end = offset + HEAD.size + size
        if end > len(data) or size > LONGEST:
            return
        payload = data[offset + HEAD.size : end]
        if zlib.crc32(payload) == checksum and payload:
            yield payload, end
        offset = end


def is_torn(data: bytes, good: int) -> bool:
    """Whether what follows the last good record looks like one that was being written when the power went."""
    rest = data[good:]
    if len(rest) < HEAD.size or not rest.strip(b"\0"):
        return True
    size, _ = HEAD.unpack_from(rest)
    # Some file systems leave zeros where data was to come.
    return bool(len(rest.rstrip(b"\0")) <= HEAD.size + size)


def read_targets(payload: bytes) -> tuple[list[tuple[int, int, float, int]], int]:
    count = int.from_bytes(payload[1:3], "big")
    offset = 3
    targets = []
    for _ in range(count):
        targets.append(TARGET.unpack_from(payload, offset))
        offset += TARGET.size
    return targets, offset


def strings(*values: str) -> bytes:
    return b"".join(short_string(value) for value in values)


def read_strings(payload: bytes, count: int, offset: int = 1) -> tuple[list[str], int]:
    values = []
    for _ in range(count):
        end = offset + 1 + payload[offset]
        values.append(payload[offset + 1 : end].decode("utf-8", "surrogateescape"))
        offset = end
    return values, offset


def binding_record(vhost: str, binding: Binding) -> bytes:
    what = "queue" if isinstance(binding.destination, Queue) else "exchange"
    names = strings(vhost, binding.source.name, what, binding.destination.name, binding.routing_key)
    return names + encode_table(binding.arguments)
