"""The durable log: what must survive the broker, appended record by record to files of bounded size.

A record is its payload's length and crc32, then the payload. Recovery replays the files in order; a torn tail is cut
off, a damaged file is copied aside and its sound records are kept. Every file begins with the whole topology, and what
still lives in the oldest file is appended again before that file is removed, so old files never hold the log up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engines.amqp.core.exchange import Binding
from lab.engines.amqp.core.records import (
    HEAD,
    KEY,
    LONG,
    MAGIC,
    MAGICS,
    TARGET,
    Saved,
    SavedMessage,
    binding_record,
    is_torn,
    message_record,
    read_strings,
    read_targets,
    records,
    strings,
)
from lab.engines.amqp.core.table import decode_table, encode_table

if TYPE_CHECKING:
    from lab.engines.amqp.core.exchange import Exchange
    from lab.engines.amqp.core.message import Message
    from lab.engines.amqp.core.queue import Queue
    from lab.engines.amqp.core.store import Target

FILE_BYTES = 16 << 20
"""Octets after which a new file is begun."""


class StoreInUse(Exception):
    """Another broker works on this folder."""


class Log:
    """A Store on disk. `flush` writes what was told; `sync_handle` gives what a thread needs to fsync it."""

    def __init__(
        self,
        folder: Path,
        *,
        say: Callable[[str], None],
        wall: Callable[[], float] = time.time,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        """Reads what is there into `saved`. Raises StoreInUse, OSError."""
        self.folder = folder
        self.position = 0
        self.saved = Saved()
        self._say = say
        self._wall = wall
        self._file_bytes = file_bytes
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._topology: dict[tuple[str, ...] | int | bytes, bytes] = {}
        self._live: dict[int, int] = {}
        """queue number << 48 | position -> file << 33 | record size << 1 | delivered"""
        self._damaged = 0
        """The newest file found damaged; it is rewritten at once, and with it all older ones."""
        self._sizes: dict[int, int] = {}
        self._live_bytes: dict[int, int] = {}
        self._fd = -1
        self._number = 0
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StoreInUse(f"another broker uses {folder}") from None
        self._recover()
        self._open_next()
        self._clean()
        self.flush()

    # what is told

    def new_number(self) -> int:
        self._number += 1
        return self._number

    def exchange_declared(self, vhost: str, exchange: Exchange) -> None:
        flags = bytes((exchange.auto_delete | exchange.internal << 1,))
        record = b"X" + strings(vhost, exchange.name, exchange.kind) + flags + encode_table(exchange.arguments)
        self._declare((vhost, exchange.name), record)

    def exchange_deleted(self, vhost: str, name: str) -> None:
        self._withdraw((vhost, name), b"x" + strings(vhost, name))

    def queue_declared(self, vhost: str, queue: Queue) -> None:
        head = b"Q" + LONG.pack(queue.number)
        record = head + strings(vhost, queue.name) + bytes((queue.auto_delete,)) + encode_table(queue.arguments)
        self._declare(queue.number, record)

    def queue_deleted(self, vhost: str, name: str, number: int) -> None:
        del vhost, name
        self._withdraw(number, b"q" + LONG.pack(number))

    def bound(self, vhost: str, binding: Binding) -> None:
        record = binding_record(vhost, binding)
        self._declare(record, b"B" + record)

    def unbound(self, vhost: str, binding: Binding) -> None:
        record = binding_record(vhost, binding)
        self._withdraw(record, b"b" + record)

    def published(self, message: Message, targets: list[Target]) -> None:
        wall = self._wall()
        packed = [
            TARGET.pack(number, position, 0.0 if lifetime is None else wall + lifetime, 0)
            for number, position, lifetime in targets
        ]
        self._message(
            [number << 48 | position for number, position, _ in targets],
            packed,
            b"%b%b%b%b%b"
            % (
                LONG.pack(len(message.address)),
                message.address,
                LONG.pack(len(message.header)),
                message.header,
                message.body,
            ),
        )

    def delivered(self, number: int, position: int) -> None:
        key = number << 48 | position
        place = self._live.get(key)
        if place is not None and not place & 1:
            self._live[key] = place | 1
            self._append(b"D" + KEY.pack(number, position))

    def removed(self, number: int, position: int) -> None:
        place = self._live.pop(number << 48 | position, None)
        if place is not None:
            self._live_bytes[place >> 33] -= place >> 1 & 0xFFFFFFFF
            self._append(b"A" + KEY.pack(number, position))

    # writing

    @property
    def pending(self) -> bool:
        """Whether something was told that is not written yet."""
        return bool(self._buffer)

    def flush(self) -> None:
        """Writes what was told: it survives the process from here, the machine after a sync.

        Raises OSError when the disk refuses; nothing is lost then, and a later call tries again.
        """
        if self._sizes[self._file] >= self._file_bytes:
            self._write()
            self._open_next()
            self._clean()
        self._write()

    def sync_handle(self) -> tuple[int, int]:
        """(file descriptor, position): an fsync of it makes all up to the position safe. To be closed after.

        Raises OSError when the process may have no more descriptors.
        """
        return os.dup(self._fd), self.position - self._buffered

    def close(self) -> None:
        """Writes and syncs everything. Raises OSError."""
        try:
            self._write()
            os.fsync(self._fd)
        finally:
            os.close(self._fd)
            os.close(self._lock)

    def _write(self) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        start = self._sizes[self._file]
        try:
            _write_all(self._fd, data)
        except OSError:
            os.ftruncate(self._fd, start)
            self._buffer = [data]
            raise
        self._buffer = []
        self._buffered = 0
        self._sizes[self._file] = start + len(data)

    def _append(self, payload: bytes) -> int:
        record = _record(payload)
        size = len(record)
        self._buffer.append(record)
        self._buffered += size
        self.position += size
        return size

    def _declare(self, key: tuple[str, ...] | int | bytes, record: bytes) -> None:
        self._topology[key] = record
        self._append(record)

    def _withdraw(self, key: tuple[str, ...] | int | bytes, record: bytes) -> None:
        if self._topology.pop(key, None) is not None:
            self._append(record)

    def _message(self, keys: list[int], targets: list[bytes], content: bytes) -> None:
        size = self._append(message_record(targets, content))
        share = size // len(keys)
        for key in keys:
            self._live[key] = self._file << 33 | share << 1
        self._live_bytes[self._file] += share * len(keys)

    # files

    def _path(self, file: int) -> Path:
        return self.folder / f"{file:08d}.log"

    def _open_next(self) -> None:
        """Starts the next file with the whole topology. Raises OSError; the present file goes on then."""
        file = max(self._sizes, default=0) + 1
        path = self._path(file)
        told = [*self._topology.values(), b"N" + LONG.pack(self._number)]
        head = MAGIC + b"".join(_record(payload) for payload in told)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(handle, head)
            _sync_folder(self.folder)
            if self._fd >= 0:
                os.fsync(self._fd)
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        if self._fd >= 0:
            os.close(self._fd)
        self._fd, self._file = handle, file
        self._sizes[file] = len(head)
        self._live_bytes[file] = 0

    def _clean(self) -> None:
        """Removes the oldest files while they hold nothing alive, or while most of all that is stored is dead."""
        while len(self._sizes) > 1:
            oldest = min(self._sizes)
            wanted = self._live_bytes[oldest] and oldest > self._damaged
            if wanted and 2 * sum(self._live_bytes.values()) > sum(self._sizes.values()):
                return
            self._append_again(oldest)
            self._write()
            os.fsync(self._fd)
            self._path(oldest).unlink()
            del self._sizes[oldest], self._live_bytes[oldest]

    def _append_again(self, file: int) -> None:
        if not self._live_bytes[file]:
            return
        for payload, _, _ in records(self._path(file).read_bytes()):
            if payload[:1] != b"M":
                continue
            targets, content = read_targets(payload)
            keys, packed = [], []
            for number, position, expires, _ in targets:
                key = number << 48 | position
                place = self._live.get(key)
                if place is not None and place >> 33 == file:
                    keys.append((key, place & 1))
                    packed.append(TARGET.pack(number, position, expires, place & 1))
            if keys:
                self._message([key for key, _ in keys], packed, payload[content:])
                for key, delivered in keys:
                    self._live[key] |= delivered
        self._live_bytes[file] = 0

    # recovery

    def _recover(self) -> None:
        for path in sorted(self.folder.glob("*.log")):
            try:
                file = int(path.stem)
            except ValueError:
                continue
            data = path.read_bytes()
            self._sizes[file] = len(data)
            self._live_bytes[file] = 0
            self._replay(file, path, data)
        known = self.saved.queues
        for number in [number for number in self.saved.messages if number not in known]:
            for position in self.saved.messages.pop(number):
                self._live.pop(number << 48 | position, None)
        self._number = max(self._number, *known, 0)
        for place in self._live.values():
            self._live_bytes[place >> 33] += place >> 1 & 0xFFFFFFFF

    def _replay(self, file: int, path: Path, data: bytes) -> None:
        good = len(MAGIC)
        known = data.startswith(MAGICS)
        damaged = not known and not any(magic.startswith(data) for magic in MAGICS)
        for payload, start, end in records(data):
            if start != good:
                damaged = True
            good = end
            try:
                self._apply(file, payload)
            except (struct.error, IndexError, ValueError, KeyError):
                damaged = True
        torn = len(data) - good
        if torn > 0 and not is_torn(data, good):
            damaged = True
        if damaged:
            self._damaged = file
            aside = path.with_suffix(".log.damaged")
            shutil.copy2(path, aside)
            self._say(f"{path.name} is damaged: what could be read was kept, the file as it was is now {aside.name}")
        elif torn > 0 and len(data) > len(MAGIC):
            self._say(f"{path.name}: cut off {torn} bytes of a record that was never finished")
        if torn > 0:
            os.truncate(path, good if known else len(data))

    def _apply(self, file: int, payload: bytes) -> None:
        kind, saved = payload[:1], self.saved
        if kind == b"M":
            targets, offset = read_targets(payload)
            (size,) = LONG.unpack_from(payload, offset)
            address = payload[offset + 4 : offset + 4 + size]
            offset += 4 + size
            (size,) = LONG.unpack_from(payload, offset)
            header = payload[offset + 4 : offset + 4 + size]
            body = payload[offset + 4 + size :]
            share = (len(payload) + HEAD.size) // len(targets)
            for number, position, expires, delivered in targets:
                key = number << 48 | position
                delivered |= self._live.get(key, 0) & 1
                self._live[key] = file << 33 | share << 1 | delivered
                saved.messages.setdefault(number, {})[position] = SavedMessage(
                    address, header, body, expires or None, bool(delivered)
                )
        elif kind in b"AD":
            number, position = KEY.unpack_from(payload, 1)
            messages = saved.messages.get(number, {})
            if position not in messages:
                return
            if kind == b"A":
                del messages[position]
                del self._live[number << 48 | position]
            else:
                messages[position].redelivered = True
                self._live[number << 48 | position] |= 1
        elif kind == b"X":
            (vhost, name, exchange_kind), offset = read_strings(payload, 3)
            flags = payload[offset]
            saved.exchanges[vhost, name] = (
                exchange_kind,
                bool(flags & 1),
                bool(flags & 2),
                decode_table(payload, offset + 1)[0],
            )
            self._topology[vhost, name] = payload
        elif kind == b"x":
            (vhost, name), _ = read_strings(payload, 2)
            saved.exchanges.pop((vhost, name), None)
            self._topology.pop((vhost, name), None)
        elif kind == b"Q":
            (number,) = LONG.unpack_from(payload, 1)
            (vhost, name), offset = read_strings(payload, 2, 5)
            saved.queues[number] = vhost, name, bool(payload[offset]), decode_table(payload, offset + 1)[0]
            self._topology[number] = payload
        elif kind == b"q":
            (number,) = LONG.unpack_from(payload, 1)
            saved.queues.pop(number, None)
            self._topology.pop(number, None)
            for position in saved.messages.pop(number, {}):
                del self._live[number << 48 | position]
        elif kind in b"Bb":
            record = payload[1:]
            if kind == b"b":
                saved.bindings.pop(record, None)
                self._topology.pop(record, None)
                return
            (vhost, source, what, name, key_), offset = read_strings(payload, 5)
            saved.bindings[record] = vhost, source, what, name, key_, decode_table(payload, offset)[0]
            self._topology[record] = payload
        elif kind == b"N":
            self._number = max(self._number, LONG.unpack_from(payload, 1)[0])


def _record(payload: bytes) -> bytes:
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
