"""What can still be done to the log's files when the disk takes nothing more: octets may be changed where they are."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from lab.engines.amqp.core.records import DEAD, MAGIC, TARGET, message_record, read_targets, record, records


def lives(path: Path, live: Container[int]) -> bool:
    """Whether a file holds a message that is among `live`, by queue number << 48 | position."""
    for payload, _, _ in records(path.read_bytes()):
        if payload[:1] == b"M":
            targets, _ = read_targets(payload)
            if any(number << 48 | position in live for number, position, _, _ in targets):
                return True
    return False


def begin_anew(path: Path, head: bytes) -> bool:
    """Cuts a file down to a new head; whether that made it smaller. Raises OSError."""
    if path.stat().st_size <= len(head):
        return False
    with path.open("r+b", buffering=0) as file:
        file.write(head)
        file.truncate(len(head))
    return True


def bury(paths: Iterable[Path], live: Mapping[int, int]) -> None:
    """Marks the messages that are not among `live` as dead where they stand, and those that were delivered as such.

    Their acknowledgements could not be written, and would otherwise be forgotten. Raises OSError.
    """
    for path in paths:
        data = path.read_bytes()
        if not data.startswith(MAGIC):
            continue  # the records of the first format have other sizes
        with path.open("r+b", buffering=0) as file:
            for payload, start, _ in records(data):
                if payload[:1] != b"M":
                    continue
                targets, content = read_targets(payload)
                marked = [(*target[:3], _mark(target, live)) for target in targets]
                if marked != targets:
                    packed = [TARGET.pack(*target) for target in marked]
                    file.seek(start)
                    file.write(record(message_record(packed, payload[content:])))


def _mark(target: tuple[int, int, float, int], live: Mapping[int, int]) -> int:
    number, position, _, delivered = target
    place = live.get(number << 48 | position)
    return DEAD if place is None else delivered | place & 1
