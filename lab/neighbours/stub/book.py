"""What a stub remembers: records by key, in memory, and in a file as well where the stub has to outlive its process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

Record = dict[str, Any]


class Book:
    """Records by key, in the order in which the keys first came.

    With a file, every change is one line appended to it (`{"key", "record"}`, a null record takes the key away), which
    a SIGKILL cannot take back. A record is replaced, never changed in place.
    """

    def __init__(self, file: Path | None = None) -> None:
        """Begin with what the file holds, if there is one. Raises OSError."""
        self._records: dict[str, Record] = {}
        self._file = None
        if file is not None:
            if file.exists():
                self._read(file.read_bytes())
            self._file = file.open("ab", buffering=0)

    def __getitem__(self, key: str) -> Record:
        return self._records[key]

    def __setitem__(self, key: str, record: Record) -> None:
        self._records[key] = record
        self._append(key, record)

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._records))

    def get(self, key: str) -> Record | None:
        return self._records.get(key)

    def take(self, key: str) -> Record | None:
        """Remove the record and return it; None if there is none."""
        record = self._records.pop(key, None)
        if record is not None:
            self._append(key, None)
        return record

    def records(self) -> list[Record]:
        return list(self._records.values())

    def _append(self, key: str, record: Record | None) -> None:
        if self._file is not None:
            self._file.write(msgspec.json.encode({"key": key, "record": record}) + b"\n")

    def _read(self, text: bytes) -> None:
        for line in text.splitlines():
            try:
                entry = msgspec.json.decode(line)
            except (ValueError, RecursionError):  # the last line of a process that was killed while it wrote
                continue
            if entry["record"] is None:
                self._records.pop(entry["key"], None)
            else:
                self._records[entry["key"]] = entry["record"]
