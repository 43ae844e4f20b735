"""The head of an HTTP/1.1 message: checked by httptools as its bytes come, then read for the few fields that matter."""

from __future__ import annotations

from typing import Any

import httptools

from lab.wire.correlation import correlation

HEAD_LIMIT = 64 * 1024


class Head:
    """What is read from a head. `length` None: none is given (chunked, until close, or no body at all)."""

    __slots__ = ("_low", "chunked", "keep_alive", "length", "method", "raw", "status", "target")

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self._low = raw.lower()
        length = self._field(b"\r\ncontent-length:")
        self.length = int(length) if length else None
        # httptools refuses a message that has both
        self.chunked = not length and self._field(b"\r\ntransfer-encoding:").lower().endswith(b"chunked")
        self.keep_alive = True
        self.method = ""
        self.target = b""
        self.status = 0

    @property
    def correlation(self) -> str:
        """X-Request-ID, or else the trace id of a W3C traceparent."""
        request_id = self._field(b"\r\nx-request-id:")
        return correlation(request_id, b"" if request_id else self._field(b"\r\ntraceparent:"))

    @property
    def closes(self) -> bool:
        """Of an answer: whether the provider closes the connection after it."""
        return b"close" in self._field(b"\r\nconnection:").lower() or self._low.startswith(b"http/1.0")

    @property
    def upgrade(self) -> str:
        """The protocol that is asked for or agreed on instead of HTTP."""
        return self._field(b"\r\nupgrade:").decode("latin-1")

    @property
    def expects(self) -> bool:
        """Whether the client waits for `100 Continue` before it sends the body."""
        return b"\r\nexpect:" in self._low

    def _field(self, name: bytes) -> bytes:
        """The value of the last header of this name."""
        at = self._low.rfind(name)
        if at < 0:
            return b""
        start = at + len(name)
        return self.raw[start : self.raw.find(b"\r\n", start)].strip()


class _Sink:
    """httptools only says whether the bytes are HTTP, and whether the head ends for it, too."""

    def __init__(self) -> None:
        self.complete = False
        self.upgrade = False

    def on_headers_complete(self) -> None:
        self.complete = True


class HeadReader:
    """Collects the bytes of one head after the other. Raises ValueError or httptools.HttpParserError on other bytes,
    as soon as they show."""

    def __init__(self, answers: bool) -> None:
        self.pending = b""
        self._answers = answers
        self._sink = _Sink()
        self._parser: Any = None

    def feed(self, data: bytes, pos: int) -> tuple[Head | None, bytes, int]:
        """The head, if it is complete now, its bytes, and where it ends in `data`."""
        pending = self.pending
        before = len(pending)
        whole = pending + data[pos:] if before or pos else data
        found = whole.find(b"\r\n\r\n", max(0, before - 3))
        end = found + 4 if found >= 0 else len(whole)
        if end > HEAD_LIMIT:
            raise ValueError("a head of more than 64 KB")
        if self._parser is None:
            self._parser = (httptools.HttpResponseParser if self._answers else httptools.HttpRequestParser)(self._sink)
            self._sink.complete = self._sink.upgrade = False
        try:
            self._parser.feed_data(whole[before:end] if before or end < len(whole) else whole)
        except httptools.HttpParserUpgrade:
            self._sink.upgrade = True  # what follows depends on the answer
        if found < 0:
            if self._sink.complete:
                raise ValueError("lines that end without a carriage return")
            self.pending = whole
            return None, b"", len(data)
        raw = whole[:end] if end < len(whole) else whole
        head = self._read(raw)
        self.pending = b""
        return head, raw, pos + end - before

    def _read(self, raw: bytes) -> Head:
        parser = self._parser
        head = Head(raw)
        if self._answers:
            self._parser = None  # it would wait for a body that it is not going to see
            head.status = parser.get_status_code()
            if not 100 <= head.status <= 999:
                raise ValueError(f"a status of {head.status}")
            return head
        line = raw.lstrip(b"\r\n").partition(b"\r\n")[0].split(b" ")
        if len(line) != 3:
            raise ValueError("no request in a head")
        head.method = line[0].decode("latin-1")
        head.target = line[1]
        if head.method == "PRI":
            raise ValueError("HTTP/2")
        head.keep_alive = parser.should_keep_alive()
        if head.length or head.chunked or self._sink.upgrade or not head.keep_alive:
            self._parser = None
        else:
            self._sink.complete = False
        return head
