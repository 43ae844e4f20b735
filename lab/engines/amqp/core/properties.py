"""A content header's properties, read in place: what the broker needs is looked up, all the rest goes on to the bit.

A header here is the whole payload of a header frame: class, weight, body size, flags, values.
"""

from __future__ import annotations

import struct

from lab.engines.amqp.core.errors import ConnectionFailure
from lab.engines.amqp.core.table import BadTable, Table, decode_table, encode_table

_SIZES = struct.Struct(">HHQH")
_LONG = struct.Struct(">I")
VALUES = _SIZES.size
"""Where the values begin."""

_NONE = 0x0003
"""Flags of no property."""
_HEADERS = 0x2000
_EXPIRATION = 0x0100
_REPLY_TO = 0x0200
_MESSAGE_ID = 0x0080
_SHORT_STRINGS = {0x8000, 0x4000, 0x0400, _REPLY_TO, _EXPIRATION, _MESSAGE_ID, 0x0020, 0x0010, 0x0008, 0x0004}
_ORDER = tuple(1 << place for place in range(15, 1, -1))


class Properties:
    """The properties that decide something in the broker. Strings stay bytes; None is absent."""

    __slots__ = ("delivery_mode", "expiration", "headers_at", "persistent", "priority", "reply_to", "user_id")

    def __init__(self, header: bytes) -> None:
        """Raises ConnectionFailure 502 when the values run over the header's end."""
        self.headers_at = 0
        self.delivery_mode: int | None = None
        self.persistent = False
        self.priority = 0
        self.expiration: bytes | None = None
        self.reply_to: bytes | None = None
        self.user_id: bytes | None = None
        flags = header[12] << 8 | header[13]
        if not flags and len(header) == VALUES:
            return
        at = VALUES
        try:
            if flags & 0x8000:
                at += 1 + header[at]
            if flags & 0x4000:
                at += 1 + header[at]
            if flags & _HEADERS:
                self.headers_at = at
                at += 4 + _LONG.unpack_from(header, at)[0]
            if flags & 0x1000:
                self.delivery_mode = header[at]
                self.persistent = header[at] == 2
                at += 1
            if flags & 0x0800:
                self.priority = header[at]
                at += 1
            if flags & 0x0400:
                at += 1 + header[at]
            if flags & _REPLY_TO:
                self.reply_to = header[at + 1 : at + 1 + header[at]]
                at += 1 + header[at]
            if flags & _EXPIRATION:
                self.expiration = header[at + 1 : at + 1 + header[at]]
                at += 1 + header[at]
            if flags & _MESSAGE_ID:
                at += 1 + header[at]
            if flags & 0x0040:
                at += 8
            if flags & 0x0020:
                at += 1 + header[at]
            if flags & 0x0010:
                self.user_id = header[at + 1 : at + 1 + header[at]]
                at += 1 + header[at]
            if flags & 0x0008:
                at += 1 + header[at]
            if flags & 0x0004:
                at += 1 + header[at]
        except (IndexError, struct.error) as error:
            raise ConnectionFailure(502, "content header runs over its end") from error
        if at != len(header) or flags & _NONE:
            raise ConnectionFailure(502, "content header does not end with the properties it announces")


def body_size(header: bytes) -> int:
    return int(_SIZES.unpack_from(header)[2])


def headers_of(header: bytes) -> Table:
    """The headers table; empty when there is none. Raises ConnectionFailure 502 for a malformed one."""
    at = Properties(header).headers_at
    if not at:
        return {}
    try:
        return decode_table(header, at)[0]
    except BadTable as error:
        raise ConnectionFailure(502, f"malformed headers table: {error}") from error


def with_changes(
    header: bytes, *, headers: Table | None = None, reply_to: bytes | None = None, drop_expiration: bool = False
) -> bytes:
    """The header with headers or reply_to replaced, or the expiration removed; all other bytes as they are."""
    class_id, weight, size, flags = _SIZES.unpack_from(header)
    values = _split(header, flags)
    if headers is not None:
        values[_HEADERS] = encode_table(headers)
    if reply_to is not None:
        values[_REPLY_TO] = bytes((len(reply_to),)) + reply_to
    if drop_expiration:
        values.pop(_EXPIRATION, None)
    flags = sum(values)
    return _SIZES.pack(class_id, weight, size, flags) + b"".join(values[flag] for flag in _ORDER if flag in values)


def _split(header: bytes, flags: int) -> dict[int, bytes]:
    values = {}
    at = VALUES
    for flag in _ORDER:
        if not flags & flag:
            continue
        if flag in _SHORT_STRINGS:
            size = 1 + header[at]
        elif flag == _HEADERS:
            size = 4 + _LONG.unpack_from(header, at)[0]
        elif flag == 0x0040:
            size = 8
        else:
            size = 1
        values[flag] = header[at : at + size]
        at += size
    return values
