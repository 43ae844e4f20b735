"""How the durable log writes things down: records with a checksum, and what they add up to."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.engines.amqp.core.exchange import Binding
from lab.engines.amqp.core.queue import Queue
from lab.engines.amqp.core.table import Table, encode_table, short_string

MAGIC = b"LABAMQ\x00\x02"
FIRST_MAGIC = b"LABAMQ\x00\x01"
"""Begins files of the first format, which are still read: they count the queues of a message with 16 bits."""
MAGICS = (MAGIC, FIRST_MAGIC)
HEAD = struct.Struct(">II")
KEY = struct.Struct(">IQ")
TARGET = struct.Struct(">IQdB")
LONG = struct.Struct(">I")
LONGEST = 1 << 30
LONGEST_OF_OTHERS = 1 << 20
"""Octets of a payload that is no message's."""
LONGEST_ADDRESS = 512
"""Octets of a message's address, two short strings."""
DEAD = 2
"""Stands for the `delivered` of a target that holds the message no more."""
_HEADS = re.compile(rb"(?=.{8}[ABDMNQXbqx])", re.DOTALL)
"""Places that may be a record's: eight octets, then what its payload may begin with."""


@dataclass(slots=True)
class SavedMessage:
    """A message of one queue as the log has it. `expires` is a wall clock time; None is never."""

    address: bytes
    header: bytes
    body: bytes
    expires: float | None
    redelivered: bool
    place: tuple[Path, int, int] | None = None
    """(file, offset, octets) of a body that was left where it is, because a backlog may be larger than memory; `body`
    is empty then."""

    def whole_body(self) -> bytes:
        """Raises OSError."""
        if self.place is None:
            return self.body
        path, offset, size = self.place
        with path.open("rb") as file:
            file.seek(offset)
            return file.read(size)


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
    """queue number -> position -> message; damage may have taken a number's queue"""


def records(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(payload, where its record begins, where it ends) for every sound record, the payload in today's format.

    Where a record is unsound, the next sound one is searched.
    """
    first_format = data.startswith(FIRST_MAGIC)
    offset = len(MAGIC)
    while offset < len(data):
        end = _sound_end(data, offset)
        if end:
            payload = data[offset + HEAD.size : end]
            if first_format and payload[:1] == b"M":
                payload = b"M\x00\x00" + payload[1:]
            yield payload, offset, end
            offset = end
        else:
            offset = _next_sound(data, offset)


def _sound_end(data: bytes, offset: int) -> int:
    """Where the record ends that begins at `offset`; 0 if there is no sound one."""
    if offset + HEAD.size >= len(data):
        return 0
    size, checksum = HEAD.unpack_from(data, offset)
    end = offset + HEAD.size + size
    if not 0 < size <= LONGEST or end > len(data):
        return 0
    return end if zlib.crc32(memoryview(data)[offset + HEAD.size : end]) == checksum else 0


def _next_sound(data: bytes, offset: int) -> int:
    """Where the first sound record after an unsound one begins; the end of the data if there is none.

    Its length is tried first. It may be what is damaged, though, and then every later place may be a record's.
    """
    if offset + HEAD.size <= len(data):
        after: int = offset + HEAD.size + HEAD.unpack_from(data, offset)[0]
        if after == len(data) or _sound_end(data, after):
            return after
    for candidate in _HEADS.finditer(data, offset + 1):
        start = candidate.start()
        if _plausible(data, start) and _sound_end(data, start):
            return start
    return len(data)


def _plausible(data: bytes, offset: int) -> bool:
    """Whether a checksum is worth its time: of any few megabytes, thousands of places look like a long record's."""
    size = HEAD.unpack_from(data, offset)[0]
    at = offset + HEAD.size
    if data[at : at + 1] != b"M":
        return bool(size <= LONGEST_OF_OTHERS)
    width = 2 if data.startswith(FIRST_MAGIC) else LONG.size
    at += 1 + width + TARGET.size * int.from_bytes(data[at + 1 : at + 1 + width], "big")
    return int.from_bytes(data[at : at + LONG.size], "big") <= LONGEST_ADDRESS


def is_torn(data: bytes, good: int) -> bool:
    """Whether what follows the last good record looks like one that was being written when the power went."""
    rest = data[good:]
    if len(rest) < HEAD.size or not rest.strip(b"\0"):
        return True
    size, _ = HEAD.unpack_from(rest)
    # Some file systems leave zeros where data was to come.
    return bool(len(rest.rstrip(b"\0")) <= HEAD.size + size)


def record(payload: bytes) -> bytes:
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def message_record(targets: Sequence[bytes], content: bytes) -> bytes:
    """A message and the queues that hold it; each target is one `TARGET`, packed."""
    return b"M%b%b%b" % (LONG.pack(len(targets)), b"".join(targets), content)


def read_targets(payload: bytes) -> tuple[list[tuple[int, int, float, int]], int]:
    """(number, position, expires, delivered) of each queue that holds a message, and where the message begins."""
    (count,) = LONG.unpack_from(payload, 1)
    offset = 1 + LONG.size
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
