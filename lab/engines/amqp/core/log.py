"""The durable log: what must survive the broker, appended record by record to files of bounded size.

A record is its payload's length and crc32, then the payload. Recovery (`replay`) reads the files in order. Every file
begins with the whole topology, and tells it again a little further on, so that damage to one place does not lose it.
Only the oldest file is ever removed, once nothing in it lives: what still does is appended again before (`tidy`).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lab.engines.amqp.core import emergency
from lab.engines.amqp.core.records import (
    KEY,
    LONG,
    MAGIC,
    TARGET,
    binding_record,
    message_record,
    read_targets,
    record,
    records,
    strings,
)
from lab.engines.amqp.core.replay import Replay, TopologyKey
from lab.engines.amqp.core.table import encode_table

if TYPE_CHECKING:
    from lab.engines.amqp.core.exchange import Binding, Exchange
    from lab.engines.amqp.core.message import Message
    from lab.engines.amqp.core.queue import Queue
    from lab.engines.amqp.core.store import Target

FILE_BYTES = 16 << 20
"""Octets after which a new file is begun."""
STEP = 1 << 20
"""Octets of an old file that are looked through at a time."""
TOLD_AGAIN_AFTER = 4096
"""Octets between the topology and its second copy, at least."""
LEAST_FREE = 32 << 20
"""Octets that are left free on the disk for acknowledgements and for tidying, or a quarter of a small disk."""
LOOK_EVERY = 1 << 20
"""Octets written between two looks at the disk's free space."""


class StoreInUse(Exception):
    """Another broker works on this folder."""


class Log:
    """A Store on disk. `flush` writes what was told; `sync_handles` gives what a thread needs to fsync it."""

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
        self.short = False
        """Whether little space is left on the disk: publishers are to wait."""
        self._wall = wall
        self._file_bytes = file_bytes
        self._buffer: list[bytes] = []
        self._buffered = 0
        self._safe = -1
        """The position up to which all is on disk."""
        self._begun = 0
        """The position behind the present file's head."""
        self._fd = -1
        self._finished: list[int] = []
        """Descriptors of full files that are not synced yet."""
        self._retired: deque[tuple[int, int]] = deque()
        """(position, file): files to be removed once all up to the position is safe."""
        self._moving: Iterator[None] | None = None
        self._unseen = 0
        """Octets written since the last look at the free space."""
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StoreInUse(f"another broker uses {folder}") from None
        found = Replay(folder, say)
        self.saved = found.saved
        self._number = found.number
        self._damaged = found.damaged
        """The newest file found damaged; it is written anew, and with it all older ones."""
        self._live = found.live
        self._topology = found.topology
        self._topology_bytes = sum(map(len, found.topology.values()))
        self._tell_again_at: int | None = None
        self._sizes = found.sizes
        """Octets behind the head of each file; of files that were there before, all."""
        self._live_bytes = dict.fromkeys(found.sizes, 0)
        for place in self._live.values():
            self._live_bytes[place >> 33] += place >> 1 & 0xFFFFFFFF
        self._stored = sum(self._sizes.values())
        self._alive = sum(self._live_bytes.values())
        if found.newest_is_sound:
            self._file = max(self._sizes)
            self._fd = os.open(self._path(self._file), os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
        else:
            self._open_next()
        self._look()

    # what is told

    def new_number(self) -> int:
        self._number += 1
        return self._number

    def exchange_declared(self, vhost: str, exchange: Exchange) -> None:
        flags = bytes((exchange.auto_delete | exchange.internal << 1,))
        payload = b"X" + strings(vhost, exchange.name, exchange.kind) + flags + encode_table(exchange.arguments)
        self._declare((vhost, exchange.name), payload)

    def exchange_deleted(self, vhost: str, name: str) -> None:
        self._withdraw((vhost, name), b"x" + strings(vhost, name))

    def queue_declared(self, vhost: str, queue: Queue) -> None:
        head = b"Q" + LONG.pack(queue.number)
        payload = head + strings(vhost, queue.name) + bytes((queue.auto_delete,)) + encode_table(queue.arguments)
        self._declare(queue.number, payload)

    def queue_deleted(self, vhost: str, name: str, number: int) -> None:
        del vhost, name
        self._withdraw(number, b"q" + LONG.pack(number))

    def bound(self, vhost: str, binding: Binding) -> None:
        told = binding_record(vhost, binding)
        self._declare(told, b"B" + told)

    def unbound(self, vhost: str, binding: Binding) -> None:
        told = binding_record(vhost, binding)
        self._withdraw(told, b"b" + told)

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
            self._count_out(place)
            self._append(b"A" + KEY.pack(number, position))

    # writing

    def flush(self) -> None:
        """Writes what was told: it survives the process from here, the machine after a sync.

        Raises OSError when the disk refuses; nothing is lost then, and a later call tries again.
        """
        if self._tell_again_at is not None and self.position >= self._tell_again_at:
            self._tell_again_at = None
            for payload in self._topology.values():
                self._append(payload)
        try:
            self._flush()
        except OSError:
            if not self._make_room():
                raise
            self._flush()
        if self.short or self._unseen >= LOOK_EVERY:
            self._look()

    def sync_handles(self) -> tuple[list[int], int]:
        """(file descriptors, position): an fsync of all makes everything up to the position safe, which `synced` is to
        be told. They are to be closed after. Raises OSError when the process may have no more descriptors."""
        handles: list[int] = []
        try:
            handles += map(os.dup, (*self._finished, self._fd))
            if self._safe < self._begun:
                handles.append(os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            for handle in handles:
                os.close(handle)
            raise
        return handles, self.position - self._buffered

    def synced(self, position: int) -> None:
        """Everything up to a position that `sync_handles` gave is on disk. Raises OSError."""
        self._safe = position
        if position >= self._begun:
            while self._finished:
                os.close(self._finished.pop())
        while self._retired and self._retired[0][0] <= position:
            self._path(self._retired[0][1]).unlink(missing_ok=True)
            self._retired.popleft()

    @property
    def wants_sync(self) -> bool:
        """Whether files wait for a sync to be removed."""
        return bool(self._retired)

    def close(self) -> None:
        """Writes and syncs everything. Raises OSError; what was acknowledged stays so all the same."""
        try:
            try:
                self.flush()
            except OSError:
                files = [*(file for _, file in self._retired), *self._sizes]
                emergency.bury([self._path(file) for file in files], self._live)
                raise
            finally:
                for handle in (*self._finished, self._fd):
                    os.fsync(handle)
        finally:
            for handle in (*self._finished, self._fd, self._lock):
                os.close(handle)

    def _flush(self) -> None:
        if self._sizes[self._file] >= self._file_bytes:
            self._write()
            self._open_next()
        self._write()

    def _write(self) -> None:
        if not self._buffer:
            return
        data = b"".join(self._buffer)
        start = os.fstat(self._fd).st_size
        try:
            _write_all(self._fd, data)
        except OSError:
            os.ftruncate(self._fd, start)
            self._buffer = [data]
            raise
        self._buffer = []
        self._buffered = 0
        self._sizes[self._file] += len(data)
        self._stored += len(data)
        self._unseen += len(data)

    def _append(self, payload: bytes) -> int:
        told = record(payload)
        size = len(told)
        self._buffer.append(told)
        self._buffered += size
        self.position += size
        return size

    def _declare(self, key: TopologyKey, payload: bytes) -> None:
        self._topology_bytes += len(payload) - len(self._topology.get(key, b""))
        self._topology[key] = payload
        self._append(payload)
        self._tell_again_later()

    def _withdraw(self, key: TopologyKey, payload: bytes) -> None:
        known = self._topology.pop(key, None)
        if known is not None:
            self._topology_bytes -= len(known)
            self._append(payload)

    def _tell_again_later(self) -> None:
        self._tell_again_at = self.position + max(TOLD_AGAIN_AFTER, 2 * self._topology_bytes)

    def _message(self, keys: list[int], targets: list[bytes], content: bytes) -> None:
        size = self._append(message_record(targets, content))
        share = size // len(keys)
        for key in keys:
            self._live[key] = self._file << 33 | share << 1
        self._live_bytes[self._file] += share * len(keys)
        self._alive += share * len(keys)

    def _count_out(self, place: int) -> None:
        share = place >> 1 & 0xFFFFFFFF
        self._live_bytes[place >> 33] -= share
        self._alive -= share

    # files

    def _path(self, file: int) -> Path:
        return self.folder / f"{file:08d}.log"

    def _head(self) -> bytes:
        told = [*self._topology.values(), b"N" + LONG.pack(self._number)]
        return MAGIC + b"".join(map(record, told))

    def _open_next(self) -> None:
        """Starts the next file with the whole topology. Raises OSError; the present file goes on then."""
        file = max((*self._sizes, *(file for _, file in self._retired)), default=0) + 1
        path = self._path(file)
        head = self._head()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _write_all(handle, head)
        except OSError:
            os.close(handle)
            path.unlink(missing_ok=True)
            raise
        if self._fd >= 0:
            self._finished.append(self._fd)
        self._fd, self._file = handle, file
        self._sizes[file] = self._live_bytes[file] = 0
        self._begin(head)

    def _begin(self, head: bytes) -> None:
        """The present file has a new head."""
        self.position += len(head)
        self._begun = self.position - self._buffered
        self._tell_again_later()

    # giving space back

    @property
    def untidy(self) -> bool:
        """Whether `tidy` has something to do."""
        oldest = next(iter(self._sizes))
        if oldest != self._file and (not self._live_bytes[oldest] or oldest <= self._damaged):
            return True
        dead = self._stored - self._alive
        return dead > self._alive and dead > self._file_bytes // (256 if self.short else 4)

    def tidy(self) -> None:
        """One bounded step: looks through a piece of the oldest file, appends again what lives there, and has the file
        removed after the last piece. Raises OSError."""
        oldest = next(iter(self._sizes))
        if oldest == self._file:
            self._write()
            self._open_next()
            return
        if self._moving is None:
            self._moving = self._move(oldest)
        if next(self._moving, self) is self:
            self._retire(oldest)

    def _move(self, file: int) -> Iterator[None]:
        if not self._live_bytes[file]:
            return
        looked_at = 0
        for payload, _, end in records(self._path(file).read_bytes()):
            if payload[:1] == b"M":
                self._append_again(file, payload)
            if end - looked_at >= STEP:
                looked_at = end
                yield

    def _append_again(self, file: int, payload: bytes) -> None:
        targets, content = read_targets(payload)
        keys, packed = [], []
        for number, position, expires, _ in targets:
            key = number << 48 | position
            place = self._live.get(key)
            if place is None or place >> 33 != file:
                continue
            self._count_out(place)
            if number not in self._topology:
                del self._live[key]  # its queue was deleted, and it is about to go
                continue
            keys.append((key, place & 1))
            packed.append(TARGET.pack(number, position, expires, place & 1))
        if keys:
            self._message([key for key, _ in keys], packed, payload[content:])
            for key, delivered in keys:
                self._live[key] |= delivered

    def _retire(self, file: int) -> None:
        """A file is to be removed, once all that was told until now is safe."""
        self._moving = None
        self._stored -= self._sizes.pop(file)
        self._alive -= self._live_bytes.pop(file)
        self._retired.append((self.position, file))

    def _make_room(self) -> bool:
        """Gives back what needs no writing: the oldest files as far as nothing in them lives. Whether there were any.

        Raises OSError.
        """
        made = False
        for file in [*(file for _, file in self._retired), *self._sizes]:
            # Of a file that is being moved, copies may wait to be written: only its own records tell.
            if (self._live_bytes.get(file) and file != self._file) or emergency.lives(self._path(file), self._live):
                break
            if file == self._file:
                head = self._head()
                if not emergency.begin_anew(self._path(file), head):
                    break
                self._stored -= self._sizes[file]
                self._sizes[file] = 0
                self._begin(head)
            else:
                if self._safe < self._begun:
                    self._sync_now()
                if file in self._sizes:
                    self._retire(file)
                self._path(file).unlink()
                self._retired.popleft()
            made = True
        return made

    def _sync_now(self) -> None:
        folder = os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            for handle in (*self._finished, self._fd, folder):
                os.fsync(handle)
        finally:
            os.close(folder)
        self.synced(self.position - self._buffered)

    def _look(self) -> None:
        self._unseen = 0
        disk = os.statvfs(self.folder)
        least = min(LEAST_FREE, disk.f_blocks * disk.f_frsize // 4)
        self.short = disk.f_bavail * disk.f_frsize < least


def _write_all(handle: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]
