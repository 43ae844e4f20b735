"""Reads a folder's log back: what its files add up to, file by file, and what of them could not be read."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

from lab.engines.amqp.core.records import (
    DEAD,
    HEAD,
    KEY,
    LONG,
    MAGIC,
    MAGICS,
    Saved,
    SavedMessage,
    is_torn,
    read_strings,
    read_targets,
    records,
)
from lab.engines.amqp.core.spill import SPILL_AT_LEAST
from lab.engines.amqp.core.table import decode_table

TopologyKey = tuple[str, ...] | int | bytes
"""(vhost, exchange), a queue's number, or a binding's record"""


class Replay:
    """See the module."""

    def __init__(self, folder: Path, say: Callable[[str], None]) -> None:
        """Cuts torn tails off and copies damaged files aside. Raises OSError."""
        self.saved = Saved()
        self.topology: dict[TopologyKey, bytes] = {}
        """The payload that declares each thing."""
        self.live: dict[int, int] = {}
        """queue number << 48 | position -> file << 33 | record size << 1 | delivered"""
        self.sizes: dict[int, int] = {}
        """Octets by file, from the oldest to the newest."""
        self.number = 0
        """The highest number that a queue ever had."""
        self.damaged = 0
        """The newest file found damaged."""
        self.newest_is_sound = False
        """Whether the newest file can be gone on with."""
        self._say = say
        for path in sorted(folder.glob("*.log")):
            try:
                file = int(path.stem)
            except ValueError:
                continue
            self._read(file, path)

    def _read(self, file: int, path: Path) -> None:
        data = path.read_bytes()
        good = len(MAGIC)
        lost = 0
        known = data.startswith(MAGICS)
        damaged = not known and not any(magic.startswith(data) for magic in MAGICS)
        for payload, start, end in records(data):
            if start != good:
                lost += start - good
            good = end
            try:
                self._apply(file, path, payload, end)
            except (struct.error, IndexError, ValueError, KeyError):
                lost += end - start
        torn = len(data) - good
        if torn > 0 and not is_torn(data, good):
            lost += torn
        if damaged := damaged or lost > 0:
            self.damaged = file
            aside = path.with_suffix(".log.damaged")
            shutil.copy2(path, aside)
            self._say(
                f"{path.name} is damaged: of its {len(data)} octets {lost} could not be read. What they said is lost: "
                f"messages may be missing, and acknowledged ones may come back. The rest was kept, "
                f"and the file as it was is now {aside.name}"
            )
        elif torn > 0 and len(data) > len(MAGIC):
            self._say(f"{path.name}: cut off {torn} bytes of a record that was never finished")
        if torn > 0:
            os.truncate(path, good if known else len(data))
        self.sizes[file] = len(data) - max(0, torn)
        self.newest_is_sound = data.startswith(MAGIC) and not damaged

    def _apply(self, file: int, path: Path, payload: bytes, end: int) -> None:
        """What a record says that ends at `end` of its file."""
        kind, saved = payload[:1], self.saved
        if kind == b"M":
            self._message(file, path, payload, end)
        elif kind in b"AD":
            number, position = KEY.unpack_from(payload, 1)
            messages = saved.messages.get(number, {})
            if position not in messages:
                return
            if kind == b"A":
                del messages[position]
                del self.live[number << 48 | position]
            else:
                messages[position].redelivered = True
                self.live[number << 48 | position] |= 1
        elif kind == b"X":
            (vhost, name, exchange_kind), offset = read_strings(payload, 3)
            flags = payload[offset]
            arguments = decode_table(payload, offset + 1)[0]
            saved.exchanges[vhost, name] = exchange_kind, bool(flags & 1), bool(flags & 2), arguments
            self.topology[vhost, name] = payload
        elif kind == b"x":
            (vhost, name), _ = read_strings(payload, 2)
            saved.exchanges.pop((vhost, name), None)
            self.topology.pop((vhost, name), None)
        elif kind == b"Q":
            (number,) = LONG.unpack_from(payload, 1)
            (vhost, name), offset = read_strings(payload, 2, 5)
            saved.queues[number] = vhost, name, bool(payload[offset]), decode_table(payload, offset + 1)[0]
            self.topology[number] = payload
            self.number = max(self.number, number)
        elif kind == b"q":
            (number,) = LONG.unpack_from(payload, 1)
            saved.queues.pop(number, None)
            self.topology.pop(number, None)
            for position in saved.messages.pop(number, {}):
                del self.live[number << 48 | position]
        elif kind in b"Bb":
            binding = payload[1:]
            if kind == b"b":
                saved.bindings.pop(binding, None)
                self.topology.pop(binding, None)
                return
            (vhost, source, what, name, key), offset = read_strings(payload, 5)
            saved.bindings[binding] = vhost, source, what, name, key, decode_table(payload, offset)[0]
            self.topology[binding] = payload
        elif kind == b"N":
            self.number = max(self.number, LONG.unpack_from(payload, 1)[0])

    def _message(self, file: int, path: Path, payload: bytes, end: int) -> None:
        targets, offset = read_targets(payload)
        (size,) = LONG.unpack_from(payload, offset)
        address = payload[offset + 4 : offset + 4 + size]
        offset += 4 + size
        (size,) = LONG.unpack_from(payload, offset)
        header = payload[offset + 4 : offset + 4 + size]
        offset += 4 + size
        length = len(payload) - offset
        place = (path, end - length, length) if length >= SPILL_AT_LEAST else None
        body = b"" if place else payload[offset:]
        share = (len(payload) + HEAD.size) // len(targets)
        for number, position, expires, delivered in targets:
            key = number << 48 | position
            if delivered == DEAD:
                if self.live.pop(key, None) is not None:
                    del self.saved.messages[number][position]
                continue
            delivered |= self.live.get(key, 0) & 1
            self.live[key] = file << 33 | share << 1 | delivered
            self.saved.messages.setdefault(number, {})[position] = SavedMessage(
                address, header, body, expires or None, bool(delivered), place
            )
            self.number = max(self.number, number)
