"""Where HTTP/1.1 messages begin and end in a stream of bytes: heads read by httptools, bodies counted.

httptools parses whole messages but tells no positions, and cannot be told that the answer to a HEAD has no body. So it
is fed the heads only, as they come (bytes that are not HTTP are noticed at once), and the body that a head announces is
counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum, auto

import httptools

HEAD_LIMIT = 64 * 1024
LINE_LIMIT = 4 * 1024


class Kind(Enum):
    HEAD = auto()
    """A whole head; `data` is all of it."""
    BODY = auto()
    """Some bytes of the body, framing included."""
    END = auto()
    """The message is complete; no bytes."""
    RAW = auto()
    """Bytes of another protocol, after an upgrade."""
    BROKEN = auto()
    """The bytes from here on are not HTTP; `reason` says why."""


class Head:
    """What is read from a head. `length` None: chunked, until close, or nothing, as `chunked` and the side tell."""

    __slots__ = (
        "chunked",
        "complete",
        "expects",
        "keep_alive",
        "length",
        "method",
        "request_id",
        "status",
        "target",
        "traceparent",
        "upgrade",
    )

    def __init__(self) -> None:
        self.method = ""
        self.target = b""
        self.status = 0
        self.length: int | None = None
        self.chunked = False
        self.complete = False
        self.keep_alive = True
        self.expects = False
        self.upgrade = b""
        self.request_id = ""
        self.traceparent = ""

    def on_headers_complete(self) -> None:
        self.complete = True

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        known = _HEADERS.get(name) or _HEADERS.get(name.lower())
        if known is not None:
            known(self, value)


def _length(head: Head, value: bytes) -> None:
    head.length = int(value)


def _encoding(head: Head, value: bytes) -> None:
    head.chunked = value.lower().rstrip().endswith(b"chunked")


def _expect(head: Head, _: bytes) -> None:
    head.expects = True


def _upgrade(head: Head, value: bytes) -> None:
    head.upgrade = value


def _request_id(head: Head, value: bytes) -> None:
    head.request_id = value.decode("latin-1")


def _traceparent(head: Head, value: bytes) -> None:
    head.traceparent = value.decode("latin-1")


_HEADERS: dict[bytes, Callable[[Head, bytes], None]] = {
    b"content-length": _length,
    b"transfer-encoding": _encoding,
    b"expect": _expect,
    b"upgrade": _upgrade,
    b"x-request-id": _request_id,
    b"traceparent": _traceparent,
}

Part = tuple[Kind, bytes, Head | None]

_END: Part = (Kind.END, b"", None)


class Reader:
    """One direction of a connection. `feed` returns the parts that the bytes make; their data, put together, are all
    bytes fed, but for the `pending` ones of a head that is not complete yet.

    `asked` (for answers) gives the method of the request that is answered now; without it the stream is of requests.
    """

    def __init__(self, asked: Callable[[], str] | None = None) -> None:
        self.pending = b""
        self.reason = ""
        self._asked = asked
        self._head: Head | None = None
        self._parser: httptools.HttpRequestParser | httptools.HttpResponseParser | None = None
        self._body: Callable[[list[Part], bytes, int], int] = self._skip_none
        self._skip = 0
        self._line = b""
        self._last_chunk = False
        self._in_body = False
        self._raw = False
        self._until_close = False

    @property
    def until_close(self) -> bool:
        """Whether the message under way ends with the connection."""
        return self._until_close

    def become_raw(self) -> None:
        """From now on the bytes are not HTTP any more, by agreement."""
        self._raw = True

    def feed(self, data: bytes) -> Iterator[Part]:
        """To be read to its end; each part before the next is looked for, as `asked` depends on it."""
        pos, size = 0, len(data)
        while pos < size:
            if self._raw:
                yield Kind.RAW, self._take_pending() + (data[pos:] if pos else data), None
                return
            parts: list[Part] = []
            try:
                pos = self._body(parts, data, pos) if self._in_body else self._read_head(parts, data, pos)
            except (ValueError, httptools.HttpParserError) as error:
                self.reason = str(error) or type(error).__name__
                yield Kind.BROKEN, self._take_pending() + data[pos:], None
                return
            yield from parts

    def _take_pending(self) -> bytes:
        pending, self.pending = self.pending, b""
        return pending

    def _read_head(self, parts: list[Part], data: bytes, pos: int) -> int:
        if not self.pending and data.startswith(b"\r\n", pos):
            parts.append((Kind.BODY, b"\r\n", None))
            return pos + 2
        pending = self.pending
        whole = pending + data[pos:] if pending or pos else data
        found = whole.find(b"\r\n\r\n", max(0, len(pending) - 3))
        end = found + 4 if found >= 0 else len(whole)
        if end > HEAD_LIMIT:
            raise ValueError("a head of more than 64 KB")
        head = self._head
        if head is None or self._parser is None:
            head = self._head = Head()
            self._parser = httptools.HttpResponseParser(head) if self._asked else httptools.HttpRequestParser(head)
        try:
            self._parser.feed_data(whole[len(pending) : end] if pending or end < len(whole) else whole)
        except httptools.HttpParserUpgrade:
            pass  # what follows depends on the answer
        if head.complete and found < 0:
            raise ValueError("lines that end without a carriage return")
        if found < 0:
            self.pending = whole
            return len(data)
        raw = whole[:end] if end < len(whole) else whole
        self.pending = b""
        self._begin(parts, head, raw)
        return pos + end - len(pending)

    def _begin(self, parts: list[Part], head: Head, raw: bytes) -> None:
        parser = self._parser
        self._head = self._parser = None
        if self._asked is None:
            assert isinstance(parser, httptools.HttpRequestParser)
            if not head.target:
                raise ValueError("no request in a head")
            head.method = parser.get_method().decode("latin-1")
            if head.method == "PRI":
                raise ValueError("HTTP/2")
            head.keep_alive = parser.should_keep_alive()
            bare = not head.chunked and not head.length
        else:
            assert isinstance(parser, httptools.HttpResponseParser)
            head.status = status = parser.get_status_code()
            head.method = method = self._asked()
            if not 100 <= status <= 999:
                raise ValueError(f"a status of {status}")
            if status == 101 or (method == "CONNECT" and 200 <= status < 300):
                self._raw = True
            bare = status < 200 or status in (204, 304) or method == "HEAD" or self._raw
            bare = bare or (head.length == 0 and not head.chunked)
            self._until_close = not bare and not head.chunked and head.length is None
        parts.append((Kind.HEAD, raw, head))
        if bare:
            if head.status not in _INTERIM:
                parts.append(_END)
            return
        self._in_body = True
        if head.chunked:
            self._body, self._line, self._last_chunk, self._skip = self._skip_chunks, b"", False, 0
        elif head.length is not None:
            self._body, self._skip = self._skip_length, head.length
        else:
            self._body = self._skip_none

    def _skip_length(self, parts: list[Part], data: bytes, pos: int) -> int:
        end = min(len(data), pos + self._skip)
        self._skip -= end - pos
        parts.append((Kind.BODY, _cut(data, pos, end), None))
        if not self._skip:
            self._in_body = False
            parts.append(_END)
        return end

    def _skip_none(self, parts: list[Part], data: bytes, pos: int) -> int:
        parts.append((Kind.BODY, _cut(data, pos, len(data)), None))
        return len(data)

    def _skip_chunks(self, parts: list[Part], data: bytes, pos: int) -> int:
        start, size = pos, len(data)
        while pos < size:
            if self._skip:
                step = min(self._skip, size - pos)
                self._skip -= step
                pos += step
                continue
            end = data.find(b"\n", pos) + 1
            self._line += data[pos : end or size]
            pos = end or size
            if len(self._line) > LINE_LIMIT:
                raise ValueError("a chunk without a size")
            if not end:
                break
            line, self._line = self._line.strip(), b""
            if self._last_chunk:
                if not line:
                    self._in_body = False
                    break
            else:
                length = _chunk_size(line)
                self._last_chunk = length == 0
                self._skip = length + 2 if length else 0
        parts.append((Kind.BODY, _cut(data, start, pos), None))
        if not self._in_body:
            parts.append(_END)
        return pos


_INTERIM = frozenset(range(100, 200)) - {101}


def _cut(data: bytes, start: int, end: int) -> bytes:
    return data if start == 0 and end == len(data) else data[start:end]


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or not all(digit in b"0123456789abcdefABCDEF" for digit in digits) or len(digits) > 15:
        raise ValueError("a chunk without a size")
    return int(digits, 16)
