"""Messages of Protocol Buffers as far as stubs and checks need them: fields that are text, numbers or messages.

So the lab reads and writes them without code that was generated from a `.proto`, whatever package a service got its
own from: two generated files with one contract in them cannot be loaded into the same process.
"""

from __future__ import annotations

from collections.abc import Iterable

Message = dict[int, list[bytes | int]]
"""The values of each field by its number, in the order in which they came."""

_NUMBER, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FIXED = {_FIXED64: 8, _FIXED32: 4}


class NoMessage(ValueError):
    """The bytes are no message."""


def written(fields: Iterable[tuple[int, str | bytes]]) -> bytes:
    """A message with these fields. What is empty is left out, as by every writer of proto3."""
    parts = []
    for number, value in fields:
        data = value.encode() if isinstance(value, str) else value
        if data or isinstance(value, bytes):
            parts += [_varint(number << 3 | _BYTES), _varint(len(data)), data]
    return b"".join(parts)


def read(data: bytes) -> Message:
    """Raises NoMessage."""
    found: Message = {}
    at = 0
    while at < len(data):
        key, at = _number(data, at)
        kind = key & 7
        value: bytes | int
        if kind == _NUMBER:
            value, at = _number(data, at)
        elif kind == _BYTES:
            size, at = _number(data, at)
            value, at = data[at : at + size], at + size
        elif kind in _FIXED:
            value, at = data[at : at + _FIXED[kind]], at + _FIXED[kind]
        else:
            raise NoMessage(f"a field of type {kind}")
        if at > len(data):
            raise NoMessage("it ends in the middle of a field")
        found.setdefault(key >> 3, []).append(value)
    return found


def text(message: Message, field: int) -> str:
    """The last value of the field as text; "" where there is none, which is what that means."""
    value = message.get(field, [b""])[-1]
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def texts(message: Message, field: int) -> list[str]:
    """The values of a repeated field."""
    return [text({field: [value]}, field) for value in message.get(field, ())]


def messages(message: Message, field: int) -> list[Message]:
    """The messages of a repeated field; one that cannot be read is empty."""
    found: list[Message] = []
    for value in message.get(field, ()):
        try:
            found.append(read(value) if isinstance(value, bytes) else {})
        except NoMessage:
            found.append({})
    return found


def _varint(number: int) -> bytes:
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*found, number))


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where it ends."""
    number = shift = 0
    while at < len(data) and shift < 70:
        number |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return number, at
    raise NoMessage("it ends in the middle of a number")
