"""HTTP/2's frames in a stream of bytes (RFC 9113), read and written."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from lab.locale import tr
from lab.wire.foreign import foreign

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9
GREETING: Final = -1
"""The client's preface, which is no frame."""

END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
_PADDED = 0x8
_PRIORITISED = 0x20

HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5

WINDOW = 65_535
"""Bytes that may be sent before the first word of the other side about it."""
LARGEST_WINDOW = 2**31 - 1
FRAME = 16_384
"""Bytes that every frame may have; more has to be allowed."""
BLOCK_LIMIT = 1024 * 1024
"""Bytes that a block of header fields may have."""

_HEAD = struct.Struct(">HBBBI")
_NUMBER = struct.Struct(">I")
_SETTING = struct.Struct(">HI")
_SIZES = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_ON_A_STREAM = frozenset({DATA, HEADERS, PRIORITY, RST_STREAM, PUSH_PROMISE, CONTINUATION})
_ON_THE_CONNECTION = frozenset({SETTINGS, PING, GOAWAY})
_BEGIN_A_BLOCK = frozenset({HEADERS, PUSH_PROMISE})
_OLD_HTTP = re.compile(rb"[A-Z]").match


class Frame:
    """One frame; a block of header fields is one with all its CONTINUATIONs. `raw` is all of it, `body` what it carries
    without padding and priority, `lead` what stands before that in a PUSH_PROMISE."""

    __slots__ = ("body", "flags", "kind", "lead", "raw", "stream")

    def __init__(self, kind: int, flags: int, stream: int, raw: bytes, body: bytes, lead: bytes = b"") -> None:
        self.kind = kind
        self.flags = flags
        self.stream = stream
        self.raw = raw
        self.body = body
        self.lead = lead

    @property
    def ends(self) -> bool:
        """Whether its sender says no more on this stream."""
        return self.kind in (DATA, HEADERS) and bool(self.flags & END_STREAM)

    @property
    def size(self) -> int:
        """Bytes of it that count against the windows."""
        return len(self.raw) - 9 if self.kind == DATA else 0

    @property
    def number(self) -> int:
        """The last of its four bytes: an error code, or how much a window grows."""
        return int(_NUMBER.unpack_from(self.body, len(self.body) - 4)[0])

    @property
    def settings(self) -> Iterator[tuple[int, int]]:
        return _SETTING.iter_unpack(self.body)


class Reader:
    """One direction of a connection. What is no HTTP/2 stays in `pending`, and `broken` says why.

    `limit` is what a frame may have, as far as the other side has allowed it.
    """

    def __init__(self, *, client: bool) -> None:
        self.pending = bytearray()
        self.broken = ""
        self.limit = FRAME
        self._preface = client
        """Whether the preface is still to come."""
        self._greeted = False
        self._scanned = 0
        self._block = 0
        """The stream whose block of header fields is not complete yet."""

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that are complete now. Their `raw` and what is pending are all that was fed."""
        pending = self.pending
        pending += data
        frames: list[Frame] = []
        begin = 0
        try:
            while len(pending) - begin > self._scanned:
                if self._preface:
                    if not PREFACE.startswith(pending[: len(PREFACE)]):
                        raise ValueError("no preface of HTTP/2")
                    if len(pending) < len(PREFACE):
                        break
                    self._preface = False
                    begin = len(PREFACE)
                    frames.append(Frame(GREETING, 0, 0, PREFACE, b""))
                    continue
                at = begin + self._scanned
                if len(pending) - at < 9:
                    break
                high, low, kind, flags, stream = _HEAD.unpack_from(pending, at)
                size = high << 8 | low
                stream &= LARGEST_WINDOW
                self._check(kind, flags, stream, size)
                end = at + 9 + size
                if len(pending) < end:
                    break
                self._greeted = True
                if kind in (*_BEGIN_A_BLOCK, CONTINUATION):
                    self._block = 0 if flags & END_HEADERS else stream
                    if self._block:
                        self._scanned = end - begin
                        continue
                frames.append(_frame(bytes(pending[begin:end])))
                begin, self._scanned = end, 0
        except ValueError as error:
            self.broken = _other(bytes(pending[begin:])) or str(error)
        del pending[:begin]
        return frames

    def _check(self, kind: int, flags: int, stream: int, size: int) -> None:
        """Raises ValueError unless such a frame may come now."""
        if size > self.limit:
            raise ValueError(f"a frame of {size} bytes, which nobody allowed")
        if not self._greeted and (kind != SETTINGS or flags & ACK):
            raise ValueError("no SETTINGS at the beginning")
        if bool(self._block) != (kind == CONTINUATION) or self._block not in (0, stream):
            raise ValueError("header fields that are interrupted")
        if self._scanned + size > BLOCK_LIMIT and kind in (*_BEGIN_A_BLOCK, CONTINUATION):
            raise ValueError("header fields of more than 1 MB")
        if (kind in _ON_A_STREAM and not stream) or (kind in _ON_THE_CONNECTION and stream):
            raise ValueError(f"a frame of type {kind} on stream {stream}")
        if size != _SIZES.get(kind, size) or (kind == SETTINGS and size % 6) or (kind == GOAWAY and size < 8):
            raise ValueError(f"a frame of type {kind} with {size} bytes")


def _frame(raw: bytes) -> Frame:
    """The frame, or the block of header fields, that these bytes are. Raises ValueError."""
    high, low, kind, flags, stream = _HEAD.unpack_from(raw)
    size = 9 + (high << 8 | low)
    stream &= LARGEST_WINDOW
    body, lead = raw[9:size], b""
    if flags & _PADDED and kind in (DATA, *_BEGIN_A_BLOCK):
        if not body or body[0] >= len(body):
            raise ValueError("a frame that is all padding")
        body = body[1 : len(body) - body[0]]
    if kind not in _BEGIN_A_BLOCK:
        return Frame(kind, flags, stream, raw, body)
    skip = 4 if kind == PUSH_PROMISE else 5 if flags & _PRIORITISED else 0
    if len(body) < skip:
        raise ValueError("a frame that is too short")
    if kind == PUSH_PROMISE:
        lead = body[:4]
    parts = [body[skip:]]
    while size < len(raw):
        high, low = _HEAD.unpack_from(raw, size)[:2]
        end = size + 9 + (high << 8 | low)
        parts.append(raw[size + 9 : end])
        size = end
    return Frame(kind, flags, stream, raw, b"".join(parts), lead)


def _other(data: bytes) -> str:
    """What these bytes are instead, if that is known."""
    return tr("this is HTTP/1.1, and gRPC speaks HTTP/2") if _OLD_HTTP(data) else foreign(data)


def frame(kind: int, flags: int, stream: int, body: bytes = b"") -> bytes:
    """A frame, written."""
    return _HEAD.pack(len(body) >> 8, len(body) & 0xFF, kind, flags, stream) + body


def on_stream(raw: bytes, stream: int) -> bytes:
    """The same frame, or frames, on another stream."""
    at, parts = 0, []
    while at < len(raw):
        high, low = _HEAD.unpack_from(raw, at)[:2]
        end = at + 9 + (high << 8 | low)
        parts += [raw[at : at + 5], _NUMBER.pack(stream), raw[at + 9 : end]]
        at = end
    return b"".join(parts)


def block(kind: int, flags: int, stream: int, lead: bytes, fields: bytes) -> bytes:
    """A block of header fields, in as many frames as it needs. Of `flags` it says whether the stream ends."""
    body = lead + fields
    flags &= END_STREAM
    if len(body) <= FRAME:
        return frame(kind, flags | END_HEADERS, stream, body)
    parts = [body[at : at + FRAME] for at in range(0, len(body), FRAME)]
    first = frame(kind, flags, stream, parts[0])
    more = [frame(CONTINUATION, 0, stream, part) for part in parts[1:-1]]
    return b"".join((first, *more, frame(CONTINUATION, END_HEADERS, stream, parts[-1])))


def data(stream: int, body: bytes) -> bytes:
    """DATA frames of all that a side says on a stream."""
    starts = range(0, len(body), FRAME)
    return b"".join(
        frame(DATA, END_STREAM if at + FRAME >= len(body) else 0, stream, body[at : at + FRAME]) for at in starts
    )


def rst_stream(stream: int, code: int) -> bytes:
    return frame(RST_STREAM, 0, stream, _NUMBER.pack(code))


def window_update(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, _NUMBER.pack(size))


def settings(values: dict[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(_SETTING.pack(*pair) for pair in values.items()))


def goaway(raw: bytes, last: int) -> bytes:
    """The same GOAWAY with another last stream."""
    return raw[:9] + _NUMBER.pack(last) + raw[13:]
