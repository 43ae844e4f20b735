"""The log and its disk: space comes back without new writes, and a full disk forgets no acknowledgement."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lab.engines.amqp.core import log as log_module
from lab.engines.amqp.core.log import Log
from tests.engines.amqp.core.test_log import contents, message, opened, settled, stored, with_queue

BODY = "x" * 1000


class SmallDisk:
    """A folder whose disk has room for so many octets of log files; it is asked as the system is."""

    def __init__(self, folder: Path, room: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "statvfs", self.statvfs)

    @property
    def free(self) -> int:
        return max(0, self.room - stored(self.folder))

    def write(self, handle: int, data: bytes) -> int:
        taken = data[: self.free]
        if data and not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._write(handle, taken)

    def statvfs(self, path: Any) -> Any:
        del path
        return SimpleNamespace(f_frsize=1, f_blocks=self.room, f_bavail=self.free)


def short(log: Log) -> bool:
    return log.short


def test_what_is_dead_leaves_the_disk_without_new_messages(tmp_path: Path) -> None:
    """A purge of many files: nothing is published after it."""
    log, number = with_queue(tmp_path, file_bytes=20_000)
    for position in range(1, 101):
        log.published(message(BODY), [(number, position, None)])
        settled(log)
    assert stored(tmp_path) > 100_000
    for position in range(1, 101):
        log.removed(number, position)
    settled(log)
    assert stored(tmp_path) < 10_000
    log.close()
    assert contents(tmp_path) == {}


def test_one_old_message_does_not_hold_the_disk(tmp_path: Path) -> None:
    log, number = with_queue(tmp_path, file_bytes=20_000)
    for position in range(1, 101):
        log.published(message(f"{position} {BODY}"), [(number, position, None)])
        log.flush()
    log.delivered(number, 1)
    for position in range(2, 101):
        log.removed(number, position)
    settled(log)
    assert stored(tmp_path) < 12_000
    log.close()
    log = opened(tmp_path)
    (kept,) = log.saved.messages[number].values()
    log.close()
    assert (kept.whole_body(), kept.redelivered) == (f"1 {BODY}".encode(), True)


def test_tidying_is_done_a_piece_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two steps others are served: no step looks through more than a piece of a file."""
    monkeypatch.setattr(log_module, "STEP", 5_000)
    log, number = with_queue(tmp_path, file_bytes=100_000)
    for position in range(1, 101):
        log.published(message(BODY), [(number, position, None)])
    for position in range(1, 101):
        if position % 10:
            log.removed(number, position)
    log.flush()
    steps = 0
    while log.untidy:
        before = log.position
        log.tidy()
        assert log.position - before < 3_000
        steps += 1
    assert steps > 20
    log.close()


def test_a_full_disk_that_is_drained_has_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not an octet is free, so not one acknowledgement can be written; all is acknowledged all the same."""
    log, number = with_queue(tmp_path, file_bytes=20_000)
    for position in range(1, 51):
        log.published(message(BODY), [(number, position, None)])
        log.flush()
    disk = SmallDisk(tmp_path, stored(tmp_path), monkeypatch)
    log.published(message(BODY), [(number, 51, None)])
    for position in range(2, 52):
        log.removed(number, position)
    with pytest.raises(OSError, match="No space"):
        settled(log)
    log.removed(number, 1)
    settled(log)
    assert disk.free > 40_000
    log.published(message("after"), [(number, 52, None)])
    log.close()
    assert contents(tmp_path) == {52: "after"}


def test_a_full_disk_with_a_single_file_has_room_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, number = with_queue(tmp_path)
    for position in range(1, 51):
        log.published(message(BODY), [(number, position, None)])
    log.flush()
    disk = SmallDisk(tmp_path, stored(tmp_path), monkeypatch)
    for position in range(1, 51):
        log.removed(number, position)
    log.published(message("waits"), [(number, 51, None)])
    settled(log)
    assert disk.free > 40_000
    log.close()
    assert contents(tmp_path) == {51: "waits"}


def test_acknowledgements_outlive_a_broker_that_ends_on_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, number = with_queue(tmp_path, file_bytes=20_000)
    for position in range(1, 51):
        log.published(message(f"{position} {BODY}"), [(number, position, None)])
        log.flush()
    with monkeypatch.context() as patch:
        SmallDisk(tmp_path, stored(tmp_path), patch)
        for position in range(1, 51):
            if position % 2:
                log.removed(number, position)
            else:
                log.delivered(number, position)
        with pytest.raises(OSError, match="No space"):
            log.close()
    log = opened(tmp_path)
    found = log.saved.messages[number]
    log.close()
    assert {at: each.redelivered for at, each in found.items()} == dict.fromkeys(range(2, 51, 2), True)
    assert all(each.whole_body() == f"{at} {BODY}".encode() for at, each in found.items())


def test_little_space_is_noticed_before_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some is left for those who consume; it is noticed that there is more again, too."""
    monkeypatch.setattr(log_module, "LOOK_EVERY", 1)
    log, number = with_queue(tmp_path, file_bytes=20_000)
    disk = SmallDisk(tmp_path, 100_000, monkeypatch)
    position = 0
    while not short(log):
        position += 1
        log.published(message(BODY), [(number, position, None)])
        log.flush()
    assert 20_000 < disk.free < 26_000
    disk.room *= 2
    log.flush()
    assert not short(log)
    log.close()


def test_a_broker_starts_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, number = with_queue(tmp_path)
    log.published(message("kept"), [(number, 1, None)])
    log.close()
    disk = SmallDisk(tmp_path, stored(tmp_path), monkeypatch)
    log = opened(tmp_path)
    assert short(log)
    assert set(log.saved.messages[number]) == {1}
    disk.room *= 1000
    log.flush()
    assert not short(log)
    log.close()


def test_a_backlog_is_recovered_without_its_bodies(tmp_path: Path) -> None:
    log, number = with_queue(tmp_path, file_bytes=20_000)
    for position in range(1, 101):
        log.published(message(f"{position} {BODY}"), [(number, position, None)])
        log.flush()
    log.close()
    log = opened(tmp_path)
    found = log.saved.messages[number]
    log.close()
    assert {each.body for each in found.values()} == {b""}
    assert [each.whole_body() for each in found.values()] == [f"{at} {BODY}".encode() for at in found]
