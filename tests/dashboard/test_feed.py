"""Where events come from: a live stream that never floods the screen, a recording that can be moved about in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from lab.dashboard.bars import About
from lab.dashboard.desk import AT_ONCE, Desk
from lab.dashboard.feed import INBOX, THE_END, LiveFeed, ReplayFeed
from lab.journal.event import Event, Note, to_line
from tests.dashboard import shop
from tests.waiting import aeventually


def notes(count: int) -> list[Event]:
    return [Note(seq=number, t=number / 10, text=str(number)) for number in range(1, count + 1)]


async def lines(*chunks: bytes, failure: str = "") -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
    if failure:
        raise RuntimeError(failure)


async def drained(feed: LiveFeed) -> list[Event]:
    """Every event that it gives until it has ended."""
    reading = asyncio.create_task(feed.read())
    taken: list[Event] = []
    while not reading.done():
        taken += feed.drain(0.0, 10)
        await asyncio.sleep(0)
    return taken


async def test_a_stream_is_read_to_its_end_and_what_is_no_event_is_passed_over() -> None:
    first, second = notes(2)
    feed = LiveFeed(lines(to_line(first), b'{"kind":"flow","t":', b'{"kind":"of-a-later-version"}', to_line(second)))
    assert await drained(feed) == [first, second]
    assert feed.ended == THE_END


async def test_a_stream_that_breaks_says_why() -> None:
    feed = LiveFeed(lines(*map(to_line, notes(3)), failure="the run is gone"))
    assert len(await drained(feed)) == 3
    assert feed.ended == "the run is gone"


async def test_a_stream_ends_when_its_last_event_was_drained() -> None:
    feed = LiveFeed(lines(*map(to_line, notes(3))))
    reading = asyncio.create_task(feed.read())
    await aeventually(lambda: len(feed._inbox) == 3)
    assert not feed.ended
    assert len(feed.drain(0.0, 10)) == 3
    await reading
    assert feed.ended == THE_END


async def test_a_long_journal_waits_outside_until_there_is_room() -> None:
    many = notes(INBOX + 5_000)
    feed = LiveFeed(lines(*map(to_line, many)))
    reading = asyncio.create_task(feed.read())
    await aeventually(lambda: len(feed._inbox) >= INBOX)
    assert not reading.done()
    taken: list[Event] = []
    while not feed.ended:
        taken += feed.drain(0.0, 3_000)
        await asyncio.sleep(0)
    assert taken == many


def test_a_recording_comes_at_its_own_pace_times_the_speed() -> None:
    feed = ReplayFeed(lambda: notes(100))
    feed.drain(100.0, 1000)
    assert [event.t for event in feed.drain(100.25, 1000)] == [0.1, 0.2]
    feed.speed = 4.0
    assert len(feed.drain(100.75, 1000)) == 20
    feed.paused = True
    assert feed.drain(105.0, 1000) == []
    feed.paused = False
    assert len(feed.drain(200.0, 5)) == 5


def test_a_step_back_folds_the_run_again() -> None:
    feed = ReplayFeed(lambda: list(shop.stream(20, orders=10)))
    desk = Desk(feed, shop.SYSTEM, About("day3"))
    feed.seek(15.0)
    for _ in range(50):
        desk.flush(1.0)
    later = desk.picture.flow_count
    feed.seek(5.0)
    for _ in range(50):
        desk.flush(1.0)
    assert 0 < desk.picture.flow_count < later
    assert desk.picture.now <= 5.1
    assert desk.picture.skipped == 0


def test_an_empty_recording_says_so() -> None:
    assert ReplayFeed(list).ended == "the recording is empty"


def test_one_flush_does_not_hold_up_the_keys() -> None:
    events = [event for _ in range(20) for event in notes(AT_ONCE)]
    for seq, event in enumerate(events):
        event.seq, event.t = seq, 0.0
    feed = ReplayFeed(lambda: events)
    desk = Desk(feed, shop.SYSTEM, About("day3"))
    for _ in range(200):
        desk.flush(1.0)
    assert desk.picture.seq == len(events) - 1
