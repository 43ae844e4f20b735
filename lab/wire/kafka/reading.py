"""The primitive types of Kafka's protocol, read one after the other.

A *flexible* version of a request or answer writes lengths as variable-length numbers (one more than the length, so that
0 can mean null) and has tagged fields at the end of each structure; the others have fixed lengths and no tags.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_INT16 = struct.Struct(">h")
_INT32 = struct.Struct(">i")
_INT64 = struct.Struct(">q")


class Short(Exception):
    """There are fewer bytes than what is read says there are."""


class Reader:
    """Reads `data` from `pos` on. All reads raise Short at the end."""

    __slots__ = ("data", "flexible", "pos")

    def __init__(self, data: bytes, pos: int = 0, *, flexible: bool = False) -> None:
        self.data = data
        self.pos = pos
        self.flexible = flexible

    def int8(self) -> int:
        return int.from_bytes(self._take(1), signed=True)

    def int16(self) -> int:
        return int(self._unpack(_INT16))

    def int32(self) -> int:
        return int(self._unpack(_INT32))

    def int64(self) -> int:
        return int(self._unpack(_INT64))

    def uvarint(self) -> int:
        value = shift = 0
        while True:
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise Short

    def varint(self) -> int:
        """Signed, zigzag: what the inside of a record is made of."""
        value = self.uvarint()
        return (value >> 1) ^ -(value & 1)

    def text(self) -> str:
        """A string; "" where it is null."""
        size = self.uvarint() - 1 if self.flexible else self.int16()
        return self._take(max(0, size)).decode("utf-8", "replace")

    def plain_text(self) -> str:
        """A string as no version writes it flexibly: the client's id in the header of a request."""
        return self._take(max(0, self.int16())).decode("utf-8", "replace")

    def blob(self) -> tuple[int, int]:
        """Where bytes begin and end; empty where they are null."""
        size = max(0, self.uvarint() - 1 if self.flexible else self.int32())
        begin = self.pos
        self.skip(size)
        return begin, begin + size

    def array(self) -> Iterator[int]:
        """Counts the items; read one at each step. A null array has none."""
        size = self.uvarint() - 1 if self.flexible else self.int32()
        if size > len(self.data) - self.pos:  # every item takes a byte at least
            raise Short
        return iter(range(size))

    def tags(self) -> None:
        """Pass over the tagged fields at the end of a structure."""
        if self.flexible:
            for _ in range(self.uvarint()):
                self.uvarint()
                self.skip(self.uvarint())

    def skip(self, size: int) -> None:
        if size < 0 or self.pos + size > len(self.data):
            raise Short
        self.pos += size

    def _take(self, size: int) -> bytes:
        begin = self.pos
        self.skip(size)
        return self.data[begin : self.pos]

    def _unpack(self, form: struct.Struct) -> int:
        begin = self.pos
        self.skip(form.size)
        value: int = form.unpack_from(self.data, begin)[0]
        return value


def text(value: str, *, flexible: bool) -> bytes:
    """A string, written."""
    data = value.encode()
    return (uvarint(len(data) + 1) if flexible else _INT16.pack(len(data))) + data


def uvarint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    written.append(value)
    return bytes(written)
