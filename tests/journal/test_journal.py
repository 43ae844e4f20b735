"""The journal being written: numbers, times, batches, and a disk that fails."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import pytest

from lab.journal.event import Flow, Log, Note, from_line, to_line
from lab.journal.journal import BATCH, Journal
from lab.journal.query import read


class Clock:
    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def note(text: str) -> Note:
    return Note(text=text)


def test_a_flow_recorded_without_a_role_is_a_call_and_what_is_usual_is_not_written() -> None:
    line = b'{"kind":"flow","protocol":"amqp","op":"ack","seq":3,"t":1.5}\n'
    flow = from_line(line)
    assert isinstance(flow, Flow)
    assert (flow.role, flow.back) == ("call", False)
    assert to_line(flow) == line


def test_events_are_numbered_from_one_and_timed_from_the_start_of_the_run(tmp_path: Path) -> None:
    clock = Clock()
    journal = Journal(tmp_path / "journal.ndjson", clock)
    journal.append(note("first"))
    clock.time += 1.5
    journal.append(note("second"))
    journal.close()
    assert [(event.seq, event.t) for event in read(journal.path)] == [(1, 0.0), (2, 1.5)]
    assert journal.now() == 1.5
    assert journal.seq == 2


def test_events_reach_the_file_when_the_owner_flushes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.ndjson")
    journal.append(note("waiting"))
    assert journal.path.read_bytes() == b""
    journal.flush()
    assert len(list(read(journal.path))) == 1
    journal.close()


def test_a_burst_is_written_without_waiting_for_the_owner(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.ndjson")
    for _ in range(BATCH):
        journal.append(note("burst"))
    assert len(list(read(journal.path))) == BATCH
    journal.close()


def test_a_value_that_json_cannot_hold_costs_only_its_own_event(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.ndjson")
    journal.append(Log(source="orders", message="torn \udcff character"))
    journal.append(Log(source="orders", data={"when": object()}))
    journal.append(Flow(op="GET /"))
    journal.close()
    first, second, third = read(journal.path)
    assert isinstance(first, Note)
    assert isinstance(second, Note)
    assert "kind log could not be written" in first.text
    assert (first.seq, second.seq, third.seq) == (1, 2, 3)
    assert isinstance(third, Flow)


def test_without_a_folder_the_run_goes_on_and_the_journal_says_why(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "gone" / "journal.ndjson")
    journal.append(note("into the void"))
    journal.flush()
    assert "journal is not being written: No such file" in journal.error
    assert journal.lost == 1
    (tmp_path / "gone").mkdir()
    journal.append(note("back"))
    journal.close()
    assert journal.error == ""
    back, confession = read(journal.path)
    assert isinstance(confession, Note)
    assert isinstance(back, Note)
    assert confession.data == {"lost": 1}
    assert confession.text == "1 events could not be written and are missing here"
    assert (back.seq, confession.seq) == (2, 3)


class Disk:
    """Stands in for os.write on a disk with `room` bytes left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: memoryview) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(fd, data[: self.room])
        self.room -= written
        return written


def test_a_full_disk_spoils_one_line_at_most_and_the_next_ones_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path / "journal.ndjson")
    for text in ("one", "two", "three"):
        journal.append(note(text))
    line = len('{"kind":"note","seq":1,"t":0.000012,"text":"one"}\n')
    disk = Disk(monkeypatch, room=line + line // 2)
    journal.flush()
    assert "the disk is full" in journal.error
    assert journal.lost == 2
    journal.append(note("four"))
    journal.flush()
    assert journal.lost == 3
    disk.room = 10_000
    journal.append(note("five"))
    journal.close()
    events = [event for event in read(journal.path) if isinstance(event, Note)]
    assert [event.text for event in events] == ["one", "five", "3 events could not be written and are missing here"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_real_full_device_is_survived() -> None:
    journal = Journal(Path("/dev/full"))
    for number in range(3):
        journal.append(note(str(number)))
        journal.flush()
    assert "the disk is full (/dev/full)" in journal.error
    assert journal.lost == 3
    journal.close()


def test_a_large_journal_keeps_whole_stories_and_all_that_went_wrong(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.ndjson", plenty=60_000)
    stories = [f"order-{number}" for number in range(3_000)]
    for number, story in enumerate(stories):
        journal.append(Flow(op="POST /orders", correlation=story))
        journal.append(Flow(op="publish order.created", correlation=story))
        if number % 100 == 0:
            journal.append(Flow(op="POST /charges", outcome="error", correlation=f"bad-{number}"))
    journal.close()
    assert journal.path.stat().st_size < 160_000
    kept = list(read(journal.path))
    assert [event.seq for event in kept] == list(range(1, len(kept) + 1))
    thinned = [event.data["share"] for event in kept if isinstance(event, Note)]
    assert thinned == [10]
    assert sum(isinstance(event, Flow) and event.outcome == "error" for event in kept) == 30
    ops = Counter(event.correlation for event in kept if isinstance(event, Flow) and event.outcome == "ok")
    assert 400 < len(ops) < 1_500
    halves = [story for story, count in ops.items() if count != 2]
    assert len(halves) <= len(thinned), "a story is whole unless the journal was thinned in its middle"
