"""Every reader of text from outside takes anything: it gives a value or its own refusal, and soon."""

from __future__ import annotations

import contextlib
import json
import string
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.course import labtoml, manifest, records
from lab.faults import scenario
from lab.faults.text import FaultError
from lab.faults.text import parse as parse_fault
from lab.grading.report.record import Unreadable as NoReport
from lab.grading.report.record import read_report
from lab.journal.event import from_line, to_line
from lab.journal.query import read
from lab.runtime import leftovers, runs
from lab.runtime.logs import LINE, LinePipe, log_event
from lab.system import toml
from lab.system.stored import Damaged, decode
from lab.system.tables import Unreadable, parse
from lab.system.validate import InvalidSystem

SOON = 5.0
"""Seconds within which each has answered, on a busy machine too."""

KEY_NAMES = """
name title service engine link journey entity run dir env ports ready from to kind format language texts step at say
fault heal rate act duration en uz id behaviour behaviours services address replicas memory endpoints requests json x
"""
KEYS = st.sampled_from(KEY_NAMES.split()) | st.text(string.ascii_letters + "²-_", max_size=6)
LEAVES = (
    st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(
        ["client", "orders", "redis", "/readyz", "latency a:b 3s", "127.0.0.1:²", "day5.3", "python", "en"]
    )
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=25
)


def written(value: Any) -> str:
    """The value as TOML writes it inline."""
    match value:
        case bool():
            return str(value).lower()
        case float():
            return repr(value)
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return f"{{{', '.join(f'{json.dumps(key)} = {written(one)}' for key, one in value.items())}}}"
        case str():
            return json.dumps(value)
    return str(value)


NASTY = {
    "deep": "a = " + "[" * 100_000,
    "deep name": "a" + ".a" * 50_000 + " = 1",
    "deep quoted name": '"a"' + '."a"' * 50_000 + " = 1",
    "deep header": "[" + ".".join("a" * 20_000) + "]",
    "deep tables": "a = " + "{a=" * 50_000,
    "5,000 digits": "a = " + "9" * 5_000,
    "4,000 digits": "format = " + "9" * 4_000 + "\nduration = " + "9" * 4_000,
    "200,000 keys": "\n".join(f"key{number} = {number}" for number in range(200_000)),
    "50,000 keys": "\n".join(f"key{number} = {number}" for number in range(50_000)),
    "50,000 services": "\n".join(f"[service.s{number}]\nrunn = 'x'" for number in range(30_000)),
    "half an emoji": 'a = "\\ud83d"',
    "nothing": "\0",
}
READERS: dict[str, tuple[str, Callable[[Path], object], type[Exception]]] = {
    "any": ("x.toml", parse, Unreadable),
    "system": ("x.toml", toml.load, InvalidSystem),
    "lab.toml": ("lab.toml", labtoml.read, labtoml.InvalidLabToml),
    "scenario": ("x.toml", scenario.load, scenario.InvalidScenario),
    "exercise": ("exercise.toml", lambda path: manifest.load(path.parent), manifest.InvalidExercise),
}


def answer(reader: str, text: bytes) -> str:
    """What it says to that file; empty if it took it."""
    name, read_file, refusal = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(text)
        try:
            read_file(path)
        except refusal as error:
            return str(error)
    return ""


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("nasty", NASTY)
def test_a_file_that_nobody_would_write(reader: str, nasty: str) -> None:
    began = time.process_time()
    said = answer(reader, NASTY[nasty].encode())
    assert time.process_time() - began < SOON
    assert len(said) < 20_000


@pytest.mark.parametrize("reader", READERS)
@given(data=st.dictionaries(KEYS, VALUES, max_size=6))
def test_a_file_with_anything_anywhere(reader: str, data: dict[str, Any]) -> None:
    answer(reader, "\n".join(f"{json.dumps(key)} = {written(one)}" for key, one in data.items()).encode())


@pytest.mark.parametrize("reader", READERS)
@given(text=st.binary(max_size=200))
def test_a_file_of_any_bytes(reader: str, text: bytes) -> None:
    answer(reader, text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | KEYS, inner, max_size=4),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())
LINES = st.sampled_from(
    [b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5_000, b'{"seq":' + b"9" * 5_000 + b"}", b'"\\ud83d"', b"\xff"]
)
STORED = JSON | LINES | st.binary(max_size=99)


@given(STORED)
def test_what_was_stored(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("run.json", leftovers.FILE, records.REPORT, "journal.ndjson"):
            (folder / file).write_bytes(data + b"\n")
        leftovers.recorded(folder)
        list(read(folder / "journal.ndjson"))
        with contextlib.suppress(Damaged):
            runs.load(folder)
        with contextlib.suppress(NoReport):
            read_report(data)
        with contextlib.suppress(Damaged):
            decode(data, dict)


@given(STORED)
def test_what_a_program_writes(line: bytes) -> None:
    assert from_line(to_line(log_event("orders", "stdout", line))).source == "orders"


WORDS = 'latency a:b 300ms x3 9% on for ²s 1e999 code=² ever error OOM status 9999999999h "'
FAULT_WORDS = st.sampled_from([*WORDS.split(), "9" * 5_000, "x" + "9" * 5_000, "9" * 300 + "ms"])


@given(st.lists(FAULT_WORDS) | st.lists(st.text(max_size=9)))
def test_the_text_of_a_fault(words: list[str]) -> None:
    with contextlib.suppress(FaultError):
        parse_fault(" ".join(words))


async def test_a_line_of_300_mb_is_cut_soon_and_takes_no_memory() -> None:
    lines: list[bytes] = []
    notices: list[str] = []
    pipe = LinePipe(lines.append, notices.append)

    class Transport:
        paused = 0

        def is_closing(self) -> bool:
            return False

        def pause_reading(self) -> None:
            self.paused += 1

        def resume_reading(self) -> None: ...

    transport = Transport()
    pipe.connection_made(transport)  # type: ignore[arg-type]
    chunk = b"x" * 262_144
    began = time.process_time()
    for _ in range(1_200):
        pipe.data_received(chunk)
    pipe.data_received(b"\nshort\n")
    assert time.process_time() - began < SOON
    assert [len(line) for line in lines] == [LINE, 5]
    assert "314,556,416 more bytes" in notices[0]
    assert not transport.paused, "it is read at 8 MB a second"
