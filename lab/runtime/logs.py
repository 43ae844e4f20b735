"""What a process writes: its pipes are split into lines, bounded, and become Log events."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, cast

from lab.journal.event import Log
from lab.locale import tr

LINE = 16_384
"""Bytes of a line that are kept."""
LINES = 2_000
"""Lines a second that are kept of one stream; what is above is counted and said."""
BYTES = 8_000_000
"""Bytes a second that are read of one stream; then the process waits, as it would for a slow terminal."""
CUT = 64
"""What only lengthens a line that is cut anyway is this much cheaper."""

Stream = Literal["stdout", "stderr"]
ERROR = re.compile(
    r"\bpanic serving\b|\b(?:ERROR|CRITICAL|FATAL|PANIC)\b|\[(?:error|critical)\]|\b(?:error|fatal|panic): "
    r"|^Traceback \(most recent call last\)|^[A-Za-z_][\w.]*(?:Error|Exception|SystemExit)\b"
)
WARNING = re.compile(r"\bWARN(?:ING)?\b|\[warn(?:ing)?\]|\bwarning: ")
LEVEL_KEYS = ("level", "severity", "levelname", "lvl", "@l")
MESSAGE_KEYS = ("msg", "message", "@m", "@mt")
"""Under which names the loggers of the world write a line's level, and what it says."""
LEVELS = {
    "warn": "warning",
    "err": "error",
    "fatal": "critical",
    "panic": "critical",
    "alert": "critical",
    "emergency": "critical",
    "emerg": "critical",
    "crit": "critical",
    "notice": "info",
    "information": "info",
    "trace": "debug",
    "verbose": "debug",
}
NUMBERS = ((60, "critical"), (50, "error"), (40, "warning"), (30, "info"))
"""The levels of pino and bunyan, which are numbers."""
DEEPEST = 64
"""Levels of nesting up to which a JSON line is read as such."""


class LinePipe(asyncio.Protocol):
    """Reads one pipe. `on_line` gets each line without its end; `on_notice` what had to be left out. `keep` is asked
    whether so many bytes are to be kept at all."""

    def __init__(
        self,
        on_line: Callable[[bytes], None],
        on_notice: Callable[[str], None],
        keep: Callable[[int], bool] = lambda _: True,
    ) -> None:
        self._on_line = on_line
        self._on_notice = on_notice
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._cut = 0
        self._second = self._loop.time()
        self._lines = self._bytes = self._dropped = 0
        self._transport: asyncio.ReadTransport | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.ReadTransport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        cut = len(self._rest) == LINE and b"\n" not in data
        self._count(len(data) // CUT if cut else len(data))
        if not self._keep(len(data)):
            self._rest = b""
            return
        if cut:
            self._cut += len(data)
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._line(line)
        if len(self._rest) > LINE:
            self._cut += len(self._rest) - LINE
            self._rest = self._rest[:LINE]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        if self._rest:
            self._line(self._rest)
        self._tell_dropped()
        if not self.ended.done():
            self.ended.set_result(None)

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def _line(self, line: bytes) -> None:
        self._lines += 1
        cut, self._cut = self._cut + max(0, len(line) - LINE), 0
        if self._lines > LINES:
            if not self._dropped:
                self._loop.call_later(1, self._tell_dropped)
            self._dropped += 1
            return
        self._on_line(line[:LINE].rstrip(b"\r"))
        if cut:
            self._on_notice(tr("the line above was cut: {cut:,} more bytes", cut=cut))

    def _count(self, size: int) -> None:
        now = self._loop.time()
        if now - self._second >= 1:
            self._second, self._lines, self._bytes = now, 0, 0
        self._bytes += size
        if self._bytes > BYTES and self._transport and not self._transport.is_closing():
            self._transport.pause_reading()
            self._loop.call_later(1 - (now - self._second), self._go_on)

    def _go_on(self) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.resume_reading()

    def _tell_dropped(self) -> None:
        if self._dropped:
            self._on_notice(
                tr("{dropped:,} lines left out: more than {lines:,} a second", dropped=self._dropped, lines=LINES)
            )
            self._dropped = 0


async def read_lines(
    fd: int,
    on_line: Callable[[bytes], None],
    on_notice: Callable[[str], None],
    keep: Callable[[int], bool] = lambda _: True,
) -> LinePipe:
    """Read the pipe `fd`, which is then the reader's to close."""
    loop = asyncio.get_running_loop()
    _, protocol = await loop.connect_read_pipe(lambda: LinePipe(on_line, on_notice, keep), os.fdopen(fd, "rb", 0))
    return protocol


def log_event(source: str, stream: Stream, line: bytes) -> Log:
    """The Log event of one line. A JSON object's level, message, `event` and `correlation_id` are lifted out of it."""
    text = line.decode("utf-8", "backslashreplace")
    fields = _fields(text)
    if fields is None:
        return Log(source=source, stream=stream, level=_level(text), message=text)
    level = _first(fields, LEVEL_KEYS)
    message = _first(fields, MESSAGE_KEYS)
    event = fields.pop("event", None)
    correlation = fields.pop("correlation_id", None) or fields.get("request_id")
    for known in ("ts", "service"):
        fields.pop(known, None)
    return Log(
        source=source,
        stream=stream,
        level=_named("info" if level is None else level),
        message=_text(message) or _text(event),
        event=_text(event),
        correlation=_text(correlation),
        data=fields,
    )


def _level(text: str) -> str:
    """The level of a line in nobody's format. The stream says nothing: many programs write all they say to stderr."""
    if ERROR.search(text):
        return "error"
    return "warning" if WARNING.search(text) else "info"


def _fields(text: str) -> dict[str, Any] | None:
    if not text.lstrip().startswith("{"):
        return None
    try:
        fields = _sound(json.loads(text), DEEPEST)
    except (ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _sound(value: Any, deepest: int) -> Any:
    """The value in a form that every reader of the journal can take, half an emoji as an escape. Raises ValueError if
    it is nested too deeply."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
        case dict() | list() if not deepest:
            raise ValueError("nested too deeply")
        case dict():
            return {_sound(key, deepest): _sound(one, deepest - 1) for key, one in value.items()}
        case list():
            return [_sound(one, deepest - 1) for one in value]
    return value


def _first(fields: dict[str, Any], names: Sequence[str]) -> Any:
    """The value of the first of these fields that has one, which is taken out."""
    found = next((name for name in names if fields.get(name) not in (None, "")), None)
    return None if found is None else fields.pop(found)


def _named(level: Any) -> str:
    """A level by the name that it has here."""
    if isinstance(level, int | float):
        return next((name for least, name in NUMBERS if level >= least), "debug")
    name = str(level).lower()
    return LEVELS.get(name, name)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
