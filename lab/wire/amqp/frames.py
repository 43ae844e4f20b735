"""AMQP 0-9-1 on the wire: what a tap must read of its frames, and the few frames that it writes, with `struct` alone.

A frame is type (1), channel (2), size (4), payload (size), end (1: 0xCE). A message is a method frame, a header frame
with size and properties, and body frames. Readers take the bytes and a position; they raise `struct.error` or
`IndexError` on bytes that are too short.
"""

from __future__ import annotations

from struct import Struct

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
KINDS = frozenset((METHOD, HEADER, BODY, HEARTBEAT))
END = 0xCE
FRAME = Struct(">BHI")
OVERHEAD = 8
"""Bytes of a frame around its payload."""

PREAMBLE = b"AMQP"
"""A client greets with these and four octets of version; so does a server that speaks another version only."""

# Methods by class << 16 | method.
CONNECTION_OPEN, CONNECTION_OPEN_OK = 0x0A0028, 0x0A0029
CONNECTION_CLOSE, CONNECTION_CLOSE_OK = 0x0A0032, 0x0A0033
CONNECTION_BLOCKED, CONNECTION_UNBLOCKED = 0x0A003C, 0x0A003D
CHANNEL_CLOSE, CHANNEL_CLOSE_OK = 0x140028, 0x140029
EXCHANGE_DECLARE, EXCHANGE_DECLARE_OK = 0x28000A, 0x28000B
EXCHANGE_DELETE, EXCHANGE_DELETE_OK = 0x280014, 0x280015
EXCHANGE_BIND, EXCHANGE_BIND_OK = 0x28001E, 0x28001F
EXCHANGE_UNBIND, EXCHANGE_UNBIND_OK = 0x280028, 0x280033
QUEUE_DECLARE, QUEUE_DECLARE_OK = 0x32000A, 0x32000B
QUEUE_BIND, QUEUE_BIND_OK = 0x320014, 0x320015
QUEUE_PURGE, QUEUE_PURGE_OK = 0x32001E, 0x32001F
QUEUE_DELETE, QUEUE_DELETE_OK = 0x320028, 0x320029
QUEUE_UNBIND, QUEUE_UNBIND_OK = 0x320032, 0x320033
BASIC_CONSUME, BASIC_CONSUME_OK = 0x3C0014, 0x3C0015
BASIC_CANCEL, BASIC_CANCEL_OK = 0x3C001E, 0x3C001F
BASIC_PUBLISH, BASIC_RETURN, BASIC_DELIVER = 0x3C0028, 0x3C0032, 0x3C003C
BASIC_GET, BASIC_GET_OK, BASIC_GET_EMPTY = 0x3C0046, 0x3C0047, 0x3C0048
BASIC_ACK, BASIC_REJECT, BASIC_NACK = 0x3C0050, 0x3C005A, 0x3C0078
BASIC_RECOVER_OK = 0x3C006F
CONFIRM_SELECT = 0x55000A

_U32 = Struct(">I").unpack_from
_U64 = Struct(">Q").unpack_from
_SIZE_AND_FLAGS = Struct(">4xQH").unpack_from
_TAG_AND_BITS = Struct(">QB").unpack_from
_SETTLE = Struct(">BHIIQBB")
_SETTLE_PAYLOAD = 4 + 8 + 1


def method_id(data: bytes, pos: int) -> int:
    return int(_U32(data, pos)[0])


def short_string(data: bytes, pos: int) -> tuple[str, int]:
    """The string at `pos` and the position after it."""
    start = pos + 1
    stop = start + data[pos]
    return data[start:stop].decode("utf-8", "replace"), stop


def tag_and_bits(data: bytes, pos: int) -> tuple[int, int]:
    """What ack, nack and reject say: a delivery tag and their bits (ack: 1 multiple; nack: 1 multiple, 2 requeue;
    reject: 1 requeue)."""
    tag, bits = _TAG_AND_BITS(data, pos)
    return tag, bits


def properties(data: bytes, pos: int) -> tuple[int, str, str]:
    """(size of the body, message id, correlation id) of the header payload at `pos`. Ids that are missing from the
    properties are looked for in the headers table, where CloudEvents in binary mode and tracing put them."""
    size, flags = _SIZE_AND_FLAGS(data, pos)
    if not flags:
        return size, "", ""
    if flags & 1:
        raise ValueError("a second word of property flags, which AMQP 0-9-1 has no property for")
    pos += 14
    table = 0
    if flags & 0x8000:  # content_type
        pos += 1 + data[pos]
    if flags & 0x4000:  # content_encoding
        pos += 1 + data[pos]
    if flags & 0x2000:  # headers
        table = pos
        pos += 4 + _U32(data, pos)[0]
    if flags & 0x1000:  # delivery_mode
        pos += 1
    if flags & 0x0800:  # priority
        pos += 1
    correlation = message = ""
    if flags & 0x0400:
        stop = pos + 1 + data[pos]
        correlation = data[pos + 1 : stop].decode("utf-8", "replace")
        pos = stop
    if flags & 0x0200:  # reply_to
        pos += 1 + data[pos]
    if flags & 0x0100:  # expiration
        pos += 1 + data[pos]
    if flags & 0x0080:
        message = data[pos + 1 : pos + 1 + data[pos]].decode("utf-8", "replace")
    if table and not (correlation and message):
        found = _strings(data, table)
        correlation = correlation or _correlation(found)
        message = message or found.get("cloudevents:id", "")
    return size, message, correlation


def _correlation(headers: dict[str, str]) -> str:
    for name in ("correlationid", "cloudevents:correlationid", "x-request-id", "x-correlation-id"):
        if value := headers.get(name):
            return value
    parts = headers.get("traceparent", "").split("-")
    return parts[1] if len(parts) == 4 else ""


_FIXED = {
    "t": 1,
    "b": 1,
    "B": 1,
    "s": 2,
    "u": 2,
    "I": 4,
    "i": 4,
    "l": 8,
    "L": 8,
    "f": 4,
    "d": 8,
    "D": 5,
    "T": 8,
    "V": 0,
}
_FIXED_SIZE = {ord(letter): size for letter, size in _FIXED.items()}
_SIZED = frozenset(b"SxAF")


def _strings(data: bytes, pos: int) -> dict[str, str]:
    """The string fields of the table at `pos`, by name in lower case, with `cloudEvents_x` as `cloudevents:x`."""
    found = {}
    end = pos + 4 + _U32(data, pos)[0]
    pos += 4
    while pos < end:
        name, pos = short_string(data, pos)
        kind = data[pos]
        pos += 1
        if kind in _SIZED:
            length = _U32(data, pos)[0]
            pos += 4
            if kind == 0x53 and length <= 255:
                found[name.lower().replace("cloudevents_", "cloudevents:", 1)] = data[pos : pos + length].decode(
                    "utf-8", "replace"
                )
            pos += length
        else:
            pos += _FIXED_SIZE[kind]
    return found


def settle_frame(channel: int, method: int, tag: int, bits: int) -> bytes:
    """An ack, nack or reject, whoever sends it."""
    return _SETTLE.pack(METHOD, channel, _SETTLE_PAYLOAD, method, tag, bits, END)


def retagged(frame: bytes, tag: int, *, redelivered: bool = False) -> bytes:
    """The deliver or get-ok method frame with another delivery tag, and marked redelivered if wanted."""
    at = _tag_position(frame)
    flag = 1 if redelivered else frame[at + 8]
    return frame[:at] + tag.to_bytes(8, "big") + bytes((flag,)) + frame[at + 9 :]


def _tag_position(frame: bytes) -> int:
    arguments = 11  # frame header, method id
    if method_id(frame, 7) == BASIC_DELIVER:
        return arguments + 1 + frame[arguments]  # after the consumer tag
    return arguments


def without_return(frame: bytes) -> bytes:
    """The publish method frame asking neither `mandatory` nor `immediate`, its last octet's two bits."""
    return frame[:-2] + bytes((frame[-2] & ~3, frame[-1]))
