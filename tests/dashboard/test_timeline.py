"""One timeline over a journal file, growing or whole: it follows, plays, stands still, and is moved back and on."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from pathlib import Path

import pytest

from lab.dashboard.timeline import MOST, Timeline
from lab.journal.event import Event, Note, to_line
from tests.dashboard import shop


class Seen:
    """A fold that remembers the numbers of its events. `folded` counts those of all copies together."""

    def __init__(self, folded: list[int] | None = None, seqs: tuple[int, ...] = ()) -> None:
        self.folded = folded if folded is not None else [0]
        self.seqs = seqs

    def apply(self, event: Event) -> None:
        self.folded[0] += 1
        self.seqs = (*self.seqs[-20:], event.seq)

    def copy(self) -> Seen:
        return Seen(self.folded, self.seqs)


def notes(count: int, first: int = 1) -> list[Event]:
    return [Note(seq=number, t=number / 10, text=str(number)) for number in range(first, first + count)]


def write(path: Path, events: Iterable[Event], torn: bytes = b"") -> None:
    with path.open("ab") as file:
        file.write(b"".join(map(to_line, events)) + torn)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.ndjson"


def recording(path: Path, every: int = 10) -> Timeline[Seen]:
    timeline = Timeline(path, Seen(), every=every)
    timeline.closed = True
    timeline.seek(0.0)
    return timeline


def test_it_follows_a_file_that_grows_and_need_not_be_there_yet(path: Path) -> None:
    timeline = Timeline(path, Seen())
    assert timeline.advance(1.0) == []
    write(path, notes(3), torn=b'{"kind":"note",')
    assert [event.seq for event in timeline.advance(1.1)] == [1, 2, 3]
    write(path, [], torn=b'"seq":4,"t":0.4}\n{"kind":"of-a-later-version"}\n')
    write(path, notes(1, first=5))
    assert [event.seq for event in timeline.advance(1.2)] == [4, 5]
    assert timeline.caught_up
    assert not timeline.ended
    timeline.closed = True
    timeline.advance(1.3)
    assert timeline.ended


def test_a_recording_comes_at_its_own_pace_times_the_speed(path: Path) -> None:
    write(path, notes(100))
    timeline = recording(path)
    timeline.advance(100.0)
    assert [event.t for event in timeline.advance(100.25)] == [0.1, 0.2]
    timeline.speed = 4.0
    assert len(timeline.advance(100.75)) == 20
    timeline.pause(timeline.now)
    assert timeline.advance(105.0) == []
    timeline.go_on()
    assert timeline.advance(200.0)[-1].t == 10.0
    assert timeline.ended


def test_an_empty_recording_has_ended(path: Path) -> None:
    path.touch()
    timeline = recording(path)
    timeline.advance(0.0)
    assert timeline.ended


def test_a_pause_of_what_follows_goes_on_with_the_end_of_the_file(path: Path) -> None:
    write(path, notes(10))
    timeline = Timeline(path, Seen())
    timeline.advance(0.0)
    timeline.pause(timeline.now)
    write(path, notes(10, first=11))
    timeline.advance(50.0)
    assert timeline.state.seqs[-1] == 10
    timeline.go_on()
    timeline.advance(51.0)
    assert timeline.state.seqs[-1] == 20


def test_after_a_step_back_it_plays_on_from_there_until_it_is_told_to_follow(path: Path) -> None:
    write(path, notes(100))
    timeline = Timeline(path, Seen())
    timeline.advance(0.0)
    timeline.seek(5.0)
    assert timeline.state.seqs[-1] == 50
    timeline.advance(0.0)
    timeline.advance(1.0)
    assert timeline.state.seqs[-1] == 60
    timeline.follow()
    timeline.advance(1.1)
    assert timeline.state.seqs[-1] == 100


@pytest.mark.parametrize("t", [0.0, 0.05, 3.3, 7.0, 9.95])
def test_a_step_back_gives_what_was_there_and_folds_only_the_events_since_the_nearest_snapshot(
    path: Path, t: float
) -> None:
    write(path, notes(100))
    timeline = Timeline(path, Seen(), every=10)
    timeline.advance(0.0)
    before = timeline.state.folded[0]
    timeline.seek(t)
    assert timeline.count == int(t * 10 + 1e-9)
    assert timeline.state.seqs == tuple(range(1, timeline.count + 1))[-21:]
    assert timeline.state.folded[0] - before <= 10
    assert timeline.jumps == 1


def test_a_long_run_keeps_few_snapshots_and_still_steps_back_in_short_steps(path: Path) -> None:
    """200,000 events of a real run: a step back to anywhere folds at most the events between two snapshots."""
    write(path, notes(200_000))
    timeline = Timeline(path, Seen())
    timeline.advance(0.0)
    assert timeline.count == 200_000
    assert len(timeline._snapshots) <= MOST
    for t in (19_999.0, 15_000.0, 12_345.6, 4_000.0, 17.0):
        before = timeline.state.folded[0]
        timeline.seek(t)
        assert timeline.state.seqs[-1] == round(t * 10)
        assert timeline.state.folded[0] - before <= 4_000


def test_snapshots_thin_out(path: Path) -> None:
    write(path, notes(1_000))
    timeline = Timeline(path, Seen(), every=2)
    timeline.advance(0.0)
    assert len(timeline._snapshots) <= MOST
    before = timeline.state.folded[0]
    timeline.seek(40.0)
    assert timeline.state.seqs[-1] == 400
    assert timeline.state.folded[0] - before <= 1_000 / MOST * 2


def test_the_last_events_can_be_read_again(path: Path) -> None:
    write(path, notes(5_000))
    timeline = Timeline(path, Seen())
    timeline.advance(0.0)
    assert [event.seq for event in timeline.recent(3)] == [4_998, 4_999, 5_000]
    timeline.seek(250.0)
    assert [event.seq for event in timeline.recent(2_000)] == list(range(501, 2_501))
    assert len(timeline.recent(10_000)) == 2_500


def test_a_budget_is_kept_and_nothing_is_left_out(path: Path) -> None:
    events = list(shop.stream(20, orders=50))
    write(path, events)
    timeline = Timeline(path, Seen())
    taken, turns = 0, 0
    while not (timeline.caught_up and timeline.count):
        taken += len(timeline.advance(0.0, 0.001))
        turns += 1
    assert taken == len(events)
    assert turns > 3


def test_forward_it_goes_to_the_end_at_most(path: Path) -> None:
    write(path, notes(10))
    timeline = recording(path)
    timeline.seek(1e9)
    timeline.advance(0.0)
    assert timeline.ended
    assert timeline.head == 1.0
    timeline.seek(timeline.head - 0.5)
    assert timeline.state.seqs[-1] == 5
    assert timeline.head != inf
