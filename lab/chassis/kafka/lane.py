"""One partition's records in a consumer's hands: handled one after the other, committed up to the first unhandled."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from lab.chassis.broker import Message


@dataclass(frozen=True)
class Record:
    """`due` is when it may be handled (time.time); a record that is to be tried again later has to wait."""

    offset: int
    message: Message
    due: float = 0.0


class Lane:
    """Records are added and offsets taken by the consumer's thread; one worker at a time handles them."""

    def __init__(self) -> None:
        self.paused = False
        self.committed: int | None = None
        self._lock = threading.Lock()
        self._waiting: deque[Record] = deque()
        self._busy = False
        self._closed = False
        self._idle = threading.Event()
        self._idle.set()
        self._next: int | None = None
        """The offset of the record behind the last that was handled."""

    @property
    def waiting(self) -> int:
        """How many records are in hand."""
        return len(self._waiting)

    def add(self, record: Record) -> None:
        self._waiting.append(record)

    def begin(self) -> bool:
        """Whether a worker is to come now."""
        with self._lock:
            if self._busy or not self._due():
                return False
            self._busy = True
            self._idle.clear()
            return True

    def take(self) -> Record | None:
        """The worker's next record. None sends it away."""
        with self._lock:
            if self._due():
                return self._waiting[0]
            self._busy = False
            self._idle.set()
            return None

    def handled(self, record: Record) -> None:
        with self._lock:
            self._waiting.popleft()
            self._next = record.offset + 1

    @property
    def to_commit(self) -> int | None:
        """The offset to commit, if there is something new to say."""
        return self._next if self._next != self.committed else None

    def close(self, patience: float) -> None:
        """Begin nothing new, and wait for what is under way."""
        with self._lock:
            self._closed = True
        self._idle.wait(patience)

    def _due(self) -> bool:
        return not self._closed and bool(self._waiting) and self._waiting[0].due <= time.time()
