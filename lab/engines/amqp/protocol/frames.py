"""Frames on the wire: an incremental reader, and writers that put a whole content into one piece of bytes.

Methods, headers and bodies of hot traffic (publish, deliver, ack) are read and written with precompiled structs here;
all other methods go through `methods`.
"""

from __future__ import annotations

import struct
from typing import Any

from lab.engines.amqp.core.errors import ConnectionFailure
from lab.engines.amqp.core.table import short_string
from lab.engines.amqp.protocol import methods

METHOD = 1
HEADER = 2
BODY = 3
HEARTBEAT = 8
END = b"\xce"
HEARTBEAT_FRAME = b"\x08\x00\x00\x00\x00\x00\x00\xce"
PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"
PROTOCOL_HEADERS = (PROTOCOL_HEADER, b"AMQP\x01\x01\x00\x09")
"""What a client may begin with; the second is that of AMQP 0-9, which RabbitMQ treats as 0-9-1 and so is here."""
OVERHEAD = 8
"""Octets of a frame beside its payload."""

Frame = tuple[int, int, bytes]
"""(type, channel, payload)"""

_SHORTEST = {METHOD: 4, HEADER: 14, BODY: 0, HEARTBEAT: 0}
"""Octets of the shortest payload of each type of frame: of a method its number, of a header all but the properties."""
_HEAD = struct.Struct(">BHI")
_METHOD_HEAD = struct.Struct(">BHII")
_ACK = struct.Struct(">BHIIQBB")
_TAG = struct.Struct(">QB")
_COUNT = struct.Struct(">I")
_DELIVER = 60 << 16 | 60
_GET_OK = 60 << 16 | 71
_BASIC_ACK = 60 << 16 | 80
_BASIC_NACK = 60 << 16 | 120


class FrameReader:
    """Cuts a stream of bytes into frames. After a malformed one `failure` is set and nothing more is read."""

    def __init__(self, frame_max: int) -> None:
        self.frame_max = frame_max
        self.failure: ConnectionFailure | None = None
        self._rest = b""

    def feed(self, data: bytes) -> list[Frame]:
        """All frames completed by `data`, in order."""
        if self._rest:
            data = self._rest + data
        frames: list[Frame] = []
        offset = 0
        size_of_data = len(data)
        while size_of_data - offset >= 7 and self.failure is None:
            kind, channel, size = _HEAD.unpack_from(data, offset)
            end = offset + 7 + size
            if size > self.frame_max:
                self.failure = ConnectionFailure(
                    501, f"type {kind}, all octets = <<>>: {{frame_too_large,{size},{self.frame_max - OVERHEAD}}}"
                )
            elif end >= size_of_data:
                break
            elif data[end] != 0xCE:
                self.failure = bad_frame(501, kind, data[offset + 7 : end], f"{{invalid_frame_end_marker,{data[end]}}}")
            elif size < _SHORTEST.get(kind, size + 1) or (size and kind == HEARTBEAT):
                self.failure = bad_frame(501, kind, data[offset + 7 : end], "unknown_frame")
            else:
                frames.append((kind, channel, data[offset + 7 : end]))
                offset = end + 1
        self._rest = data[offset:] if self.failure is None else b""
        return frames


def bad_frame(code: int, kind: int, payload: bytes, why: str = "") -> ConnectionFailure:
    """What RabbitMQ says of a frame that it cannot take: its type and its octets."""
    return ConnectionFailure(code, f"type {kind}, all octets = {methods.octets(payload)}" + (f": {why}" if why else ""))


def unexpected_frame(explanation: str) -> ConnectionFailure:
    return ConnectionFailure(505, explanation)


def method_frame(channel: int, method: Any) -> bytes:
    payload = methods.encode(method)
    return _HEAD.pack(METHOD, channel, len(payload)) + payload + END


def returned(channel: int, code: int, text: str, address: bytes) -> bytes:
    """basic.return"""
    payload = b"\x00\x3c\x00\x32" + code.to_bytes(2, "big") + short_string(text) + address
    return _HEAD.pack(METHOD, channel, len(payload)) + payload + END


def content(channel: int, method: bytes, header: bytes, body: bytes, frame_max: int) -> bytes:
    """A method frame already encoded, followed by its header frame and as many body frames as frame_max asks for."""
    size = len(body)
    head = b"%b%b%b\xce" % (method, _HEAD.pack(HEADER, channel, len(header)), header)
    if not size:
        return head
    if size <= frame_max - OVERHEAD:
        return b"%b%b%b\xce" % (head, _HEAD.pack(BODY, channel, size), body)
    parts = [head]
    step = frame_max - OVERHEAD
    for start in range(0, size, step):
        piece = body[start : start + step]
        parts += (_HEAD.pack(BODY, channel, len(piece)), piece, END)
    return b"".join(parts)


def deliver(channel: int, consumer_tag: bytes, tag: int, redelivered: bool, address: bytes) -> bytes:
    """basic.deliver; `consumer_tag` is a short string, `address` two: exchange, routing key, as encoded."""
    return b"%b%b%b%b\xce" % (
        _METHOD_HEAD.pack(METHOD, channel, 13 + len(consumer_tag) + len(address), _DELIVER),
        consumer_tag,
        _TAG.pack(tag, redelivered),
        address,
    )


def get_ok(channel: int, tag: int, redelivered: bool, address: bytes, remaining: int) -> bytes:
    return b"%b%b%b%b\xce" % (
        _METHOD_HEAD.pack(METHOD, channel, 17 + len(address), _GET_OK),
        _TAG.pack(tag, redelivered),
        address,
        _COUNT.pack(remaining),
    )


def ack(channel: int, tag: int, multiple: bool) -> bytes:
    """A publisher confirm."""
    return _ACK.pack(METHOD, channel, 13, _BASIC_ACK, tag, multiple, 0xCE)


def nack(channel: int, tag: int, multiple: bool) -> bytes:
    # Its third field, requeue, says nothing to a publisher; RabbitMQ leaves it at its default, true.
    return _ACK.pack(METHOD, channel, 13, _BASIC_NACK, tag, multiple | 2, 0xCE)
