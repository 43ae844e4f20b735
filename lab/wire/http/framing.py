"""Where HTTP/1.1 messages begin and end in a stream of bytes.

httptools parses whole messages, but it tells no positions and cannot know that the answer to a HEAD has no body. So it
gets the heads only, and the bytes of a body are counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import httptools

from lab.wire.foreign import foreign
from lab.wire.http.head import Head, HeadReader

LINE_LIMIT = 4 * 1024

HEAD: Final = 0
"""A whole head; the part's bytes are all of it."""
BODY: Final = 1
"""Some bytes of the body, framing included."""
END: Final = 2
"""The message is complete; no bytes."""
RAW: Final = 3
"""Bytes of another protocol, after an upgrade."""
BROKEN: Final = 4
"""The bytes from here on are not HTTP; `Reader.reason` says why."""

Part = tuple[int, bytes, Head | None]

_END: Part = (END, b"", None)


class Reader:
    """One direction of a connection. `feed` gives the parts that the bytes make; their bytes, put together, are all
    that was fed, but for the `pending` ones of a head that is not complete yet.

    `asked` (for answers) gives the method of the request that is answered now; without it the stream is of requests.
    """

    def __init__(self, asked: Callable[[], str] | None = None) -> None:
        self.reason = ""
        self.until_close = False
        """Whether the message under way ends with the connection."""
        self._asked = asked
        self._heads = HeadReader(answers=asked is not None)
        self._body: Callable[[bytes, int], tuple[int, bool]] | None = None
        self._skip = 0
        self._line = b""
        self._last_chunk = False
        self._raw = False

    @property
    def pending(self) -> bytes:
        """The bytes of a head that is not complete yet."""
        return self._heads.pending

    @property
    def between(self) -> bool:
        """Whether it is between two messages: what comes begins one."""
        return self._body is None and not self._raw and not self._heads.pending

    def become_raw(self) -> None:
        """Both sides have agreed to leave HTTP: the rest is raw bytes."""
        self._raw = True

    def feed(self, data: bytes) -> Iterator[Part]:
        """Take the parts one by one, and all of them: what `asked` says may change between two."""
        pos, size = 0, len(data)
        while pos < size:
            if self._raw:
                yield RAW, self._take_pending() + data[pos:], None
                return
            start = pos
            try:
                if self._body is not None:
                    pos, done = self._body(data, pos)
                    yield BODY, data if pos - start == size else data[start:pos], None
                    if done:
                        self._body = None
                        yield _END
                elif data.startswith(b"\r\n", pos) and not self._heads.pending:
                    pos += 2
                    yield BODY, b"\r\n", None
                else:
                    head, raw, pos = self._heads.feed(data, pos)
                    if head is not None:
                        bare = self._begin(head)
                        yield HEAD, raw, head
                        if bare and head.status not in _INTERIM:
                            yield _END
            except (ValueError, httptools.HttpParserError) as error:
                rest = self._take_pending() + data[start:]
                self.reason = foreign(rest) or str(error) or type(error).__name__
                yield BROKEN, rest, None
                return

    def _take_pending(self) -> bytes:
        pending, self._heads.pending = self._heads.pending, b""
        return pending

    def _begin(self, head: Head) -> bool:
        """Prepare for the body that the head announces. True if there is none."""
        if self._asked is None:
            bare = not head.chunked and not head.length
        else:
            status = head.status
            method = head.method = self._asked()
            if status == 101 or (method == "CONNECT" and 200 <= status < 300):
                self._raw = True
            bare = status < 200 or status in (204, 304) or method == "HEAD" or self._raw
            bare = bare or (head.length == 0 and not head.chunked)
            self.until_close = not bare and not head.chunked and head.length is None
        if bare:
            return True
        if head.chunked:
            self._body, self._line, self._last_chunk, self._skip = self._skip_chunks, b"", False, 0
        elif head.length is not None:
            self._body, self._skip = self._skip_length, head.length
        else:
            self._body = self._skip_all
        return False

    # Each of these skips as much of a body as there is. It returns the position after it and whether the body is over.

    def _skip_length(self, data: bytes, pos: int) -> tuple[int, bool]:
        end = min(len(data), pos + self._skip)
        self._skip -= end - pos
        return end, not self._skip

    def _skip_all(self, data: bytes, _: int) -> tuple[int, bool]:
        return len(data), False

    def _skip_chunks(self, data: bytes, pos: int) -> tuple[int, bool]:
        size = len(data)
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
                    return pos, True
            else:
                length = _chunk_size(line)
                self._last_chunk = length == 0
                self._skip = length + 2 if length else 0
        return pos, False


_INTERIM = frozenset(range(100, 200)) - {101}


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits or not all(digit in b"0123456789abcdefABCDEF" for digit in digits) or len(digits) > 15:
        raise ValueError("a chunk without a size")
    return int(digits, 16)
