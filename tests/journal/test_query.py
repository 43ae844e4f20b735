"""The journal being read: every kind of event survives the file, and a damaged or growing file is no surprise."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any, get_args, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.journal.event import Event, Flow, Note, Queue
from lab.journal.journal import Journal
from lab.journal.query import Tail, afollow, decode, follow, read

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
number = st.floats(allow_nan=False, allow_infinity=False)
by_type: dict[Any, st.SearchStrategy[Any]] = {
    str: text,
    float: number,
    float | None: st.none() | number,
    int: st.integers(-(2**53), 2**53),
    int | None: st.none() | st.integers(-(2**53), 2**53),
    tuple[str, ...]: st.lists(text, max_size=3).map(tuple),
    dict[str, Any]: st.dictionaries(text, st.none() | st.booleans() | number | text, max_size=3),
    dict[str, Queue]: st.dictionaries(text, st.builds(Queue, ready=st.integers(0, 9), consumers=st.integers(0, 9))),
}


def any_event() -> st.SearchStrategy[Event]:
    """An event of any kind, each of its fields drawn by its type."""

    def build(kind: Any) -> st.SearchStrategy[Event]:
        hints = {name: hint for name, hint in get_type_hints(kind).items() if not name.startswith("_")}
        return st.builds(kind, **{name: by_type.get(hint, st.from_type(hint)) for name, hint in hints.items()})

    return st.one_of([build(kind) for kind in get_args(Event)])


@given(st.lists(any_event(), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_every_kind_of_event_comes_back_as_it_was(tmp_path: Path, events: list[Event]) -> None:
    path = tmp_path / "journal.ndjson"
    path.unlink(missing_ok=True)
    journal = Journal(path)
    for event in events:
        journal.append(event)
    journal.close()
    assert list(read(path)) == events


def write(path: Path, *lines: bytes) -> Path:
    path.write_bytes(b"".join(lines))
    return path


FIRST = b'{"kind":"note","seq":1,"t":0.1,"text":"first"}\n'
SECOND = b'{"kind":"flow","seq":2,"t":0.2,"op":"GET /users"}\n'


def test_a_torn_last_line_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "j", FIRST, SECOND, b'{"kind":"note","seq":3')
    assert [event.seq for event in read(path)] == [1, 2]


def test_what_a_later_version_wrote_is_passed_over_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write(
        tmp_path / "j",
        b'{"kind":"verdict","seq":1,"t":0.1,"exercise":"day3.3"}\n',
        b'{"kind":"flow","seq":2,"t":0.2,"outcome":"teleported"}\n',
        b'{"kind":"flow","seq":3,"t":0.3,"op":"GET /users","colour":"green"}\n',
        b"not json\xff\n",
        b"\n",
        b'{"kind":"note","seq":4,"t":0.4,"text":"here"}\n',
    )
    flow, note = read(path)
    assert isinstance(flow, Flow)
    assert flow.op == "GET /users"
    assert isinstance(note, Note)


def test_what_is_nested_too_deeply_is_passed_over_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    deep = b"[" * 100_000 + b"]" * 100_000
    path.write_bytes(b'{"kind":"note","text":"one","seq":1}\n{"kind":"log","data":{"a":' + deep + b'},"seq":2}\n')
    assert [event.seq for event in read(path)] == [1]
    with Tail(path) as tail:
        assert [event.seq for event in decode(tail.lines())] == [1]


@given(st.lists(st.binary() | st.just(b'{"kind":"note","text":"one","seq":1}')))
def test_whatever_stands_in_a_journal_its_events_are_read(lines: list[bytes]) -> None:
    whole = [line for line in lines if line.startswith(b'{"kind":"note"')]
    assert len(list(decode(lines))) == len(whole)


def test_reading_begins_where_it_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "j", FIRST, SECOND)
    assert [event.seq for event in read(path, from_seq=2)] == [2]


def test_a_tail_gives_each_line_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "j"
    with Tail(path) as tail:
        assert tail.lines() == []
        with path.open("wb", buffering=0) as file:
            file.write(FIRST[:10])
            assert tail.lines() == []
            file.write(FIRST[10:20])
            assert tail.lines() == []
            file.write(FIRST[20:] + SECOND + FIRST[:5])
            assert tail.lines() == [FIRST, SECOND]
            file.write(FIRST[5:])
            assert tail.lines() == [FIRST]
            assert tail.lines() == []


def test_a_line_longer_than_a_chunk_comes_whole(tmp_path: Path) -> None:
    line = b'{"kind":"note","seq":1,"text":"' + b"x" * 3_000_000 + b'"}\n'
    with Tail(write(tmp_path / "j", line, SECOND)) as tail:
        assert tail.lines() == [line, SECOND]


def grow(journal: Journal, done: threading.Event) -> None:
    for number in range(100):
        journal.append(Note(text=str(number)))
        if number % 7 == 0:
            journal.flush()
    journal.close()
    done.set()


def test_following_reads_what_is_written_meanwhile_to_the_very_end(tmp_path: Path) -> None:
    done = threading.Event()
    path = tmp_path / "j"
    writer = threading.Thread(target=lambda: grow(Journal(path), done))
    followed = follow(path, from_seq=11, stop=done.is_set)
    writer.start()
    assert [event.seq for event in followed] == list(range(11, 101))
    writer.join()


async def test_following_in_an_event_loop_does_not_hold_the_loop(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    done = threading.Event()

    async def collect() -> list[int]:
        return [event.seq async for event in afollow(journal.path, stop=done.is_set)]

    collecting = asyncio.create_task(collect())
    await asyncio.sleep(0)
    grow(journal, done)
    assert await asyncio.wait_for(collecting, 5) == list(range(1, 101))
