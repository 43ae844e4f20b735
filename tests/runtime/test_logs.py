"""Output becomes lines and Log events, within bounds."""

from __future__ import annotations

import asyncio
import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.journal.event import from_line, to_line
from lab.runtime.logs import LINE, LinePipe, log_event, read_lines
from tests.waiting import aeventually


class Sink:
    def __init__(self) -> None:
        self.lines: list[bytes] = []
        self.notices: list[str] = []
        self.pipe = LinePipe(self.lines.append, self.notices.append)


@given(st.lists(st.binary(max_size=60)))
def test_any_split_gives_the_same_lines(chunks: list[bytes]) -> None:
    async def feed() -> Sink:
        sink = Sink()
        for chunk in chunks:
            sink.pipe.data_received(chunk)
        sink.pipe.connection_lost(None)
        return sink

    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert asyncio.run(feed()).lines == [line.rstrip(b"\r") for line in expected]


async def test_a_line_without_an_end_takes_no_memory() -> None:
    sink = Sink()
    for _ in range(100):
        sink.pipe.data_received(b"x" * LINE)
    sink.pipe.data_received(b"\nshort\n")
    assert [len(line) for line in sink.lines] == [LINE, 5]
    assert sink.notices == [f"the line above was cut: {99 * LINE:,} more bytes"]


async def test_what_is_not_to_be_kept_leaves_no_torn_line() -> None:
    lines: list[bytes] = []
    answers = iter([True, False, True])
    pipe = LinePipe(lines.append, lambda _: None, lambda _: next(answers))
    for chunk in (b"one\ntw", b"o\nthree\nfo", b"ur\nfive\n"):
        pipe.data_received(chunk)
    assert lines == [b"one", b"ur", b"five"]


async def test_a_pipe_is_read_to_its_end() -> None:
    read, write = os.pipe()
    lines: list[bytes] = []
    pipe = await read_lines(read, lines.append, lambda _: None)
    os.write(write, b"one\ntwo")
    await aeventually(lambda: lines == [b"one"])
    os.close(write)
    await pipe.ended
    assert lines == [b"one", b"two"]


def test_a_json_line_is_lifted() -> None:
    line = b'{"ts":"now","level":"WARN","service":"s","msg":"slow","event":"late","correlation_id":"c-1","ms":3}'
    event = log_event("orders", "stdout", line)
    assert (event.source, event.level, event.message, event.event) == ("orders", "warning", "slow", "late")
    assert (event.correlation, event.data) == ("c-1", {"ms": 3})


@pytest.mark.parametrize("line", [b"Traceback:", b"{not json", b'["a list"]', b"\xff\xfe", b"", b'{"a":' * 5000])
def test_any_other_line_is_its_own_message(line: bytes) -> None:
    event = log_event("orders", "stderr", line)
    assert event.message == line.decode("utf-8", "backslashreplace")


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ('127.0.0.1 - - "GET / HTTP/1.1" 200 -', "info"),
        ("0 errors", "info"),
        ("Traceback (most recent call last):", "error"),
        ('  File "orders.py", line 3, in <module>', "info"),
        ("sqlalchemy.exc.OperationalError: database is locked", "error"),
        ("2026-11-22 11:24:21 [error] <0.132.0> BOOT FAILED", "error"),
        ("panic: runtime error", "error"),
        ("2026/11/29 02:00:00 http: panic serving 127.0.0.1:4711: boom", "error"),
        ("npm WARN deprecated", "warning"),
        ("2026-11-22 UTC [49] FATAL:  the database system is starting up", "error"),
    ],
)
def test_the_level_of_a_plain_line_is_read_from_it(line: str, level: str) -> None:
    assert log_event("orders", "stderr", line.encode()).level == level


@pytest.mark.parametrize(
    ("line", "level", "message"),
    [
        ('{"level":50,"time":1700000000000,"msg":"pino error"}', "error", "pino error"),
        ('{"level":30,"msg":"pino info"}', "info", "pino info"),
        ('{"level":20,"msg":"pino debug"}', "debug", "pino debug"),
        ('{"severity":"ERROR","message":"gcp error"}', "error", "gcp error"),
        ('{"@t":"2024","@l":"Error","@mt":"serilog error"}', "error", "serilog error"),
        ('{"levelname":"WARNING","message":"python-json-logger"}', "warning", "python-json-logger"),
        ('{"level":"Information","msg":"dotnet"}', "info", "dotnet"),
        ('{"level":"panic","msg":"go"}', "critical", "go"),
        ('{"msg":"none"}', "info", "none"),
    ],
)
def test_the_level_of_a_json_line_is_understood_whoever_wrote_it(line: str, level: str, message: str) -> None:
    event = log_event("orders", "stdout", line.encode())
    assert (event.level, event.message) == (level, message)


@pytest.mark.parametrize("depth", [60, 70, 200, 900, 990, 5000])
def test_a_json_line_however_deep_can_be_read_by_everybody(depth: int) -> None:
    line = b'{"msg":"deep","a":' + b"[" * depth + b"]" * depth + b"}"
    event = log_event("orders", "stdout", line)
    assert event.message == ("deep" if depth < 64 else line.decode())
    assert from_line(to_line(event)) == event


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None)), st.lists))
def test_a_json_line_is_kept_whatever_it_holds(value: object) -> None:
    line = json.dumps({"level": "error", "msg": "half \ud83d", "a": value}).encode()
    event = log_event("orders", "stdout", line)
    assert (event.level, event.message) == ("error", "half \\ud83d")
    assert from_line(to_line(event)) == event


def test_a_line_without_a_message_is_told_by_its_event() -> None:
    event = log_event("orders", "stdout", b'{"event":"state","request_id":"r-1","id":7}')
    assert (event.message, event.correlation) == ("state", "r-1")
