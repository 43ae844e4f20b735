"""Short strings, and field tables: AMQP's typed dictionaries, decoded without losing a type, so that encoding gives
the bytes back."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple


class Field(NamedTuple):
    """One value with its wire tag.

    Values by tag: integers for `bBsuIilLT`, bool for `t`, float for `fd`, `(scale, number)` for `D`, bytes for `Sx`,
    None for `V`, a list of Fields for `A`, a Table for `F`.
    """

    tag: str
    value: Any


Table = dict[str, Field]

_NUMBERS = {
    "t": struct.Struct(">?"),
    "b": struct.Struct(">b"),
    "B": struct.Struct(">B"),
    "s": struct.Struct(">h"),
    "u": struct.Struct(">H"),
    "I": struct.Struct(">i"),
    "i": struct.Struct(">I"),
    "l": struct.Struct(">q"),
    "L": struct.Struct(">q"),
    "T": struct.Struct(">Q"),
    "f": struct.Struct(">f"),
    "d": struct.Struct(">d"),
}
_DECIMAL = struct.Struct(">BI")
_LONG = struct.Struct(">I")
_INTEGERS = frozenset("bBsuIilL")

TYPE_NAMES = {
    "t": "bool",
    "b": "byte",
    "B": "unsignedbyte",
    "s": "short",
    "u": "unsignedshort",
    "I": "signedint",
    "i": "unsignedint",
    "l": "long",
    "L": "long",
    "T": "timestamp",
    "f": "float",
    "d": "double",
    "D": "decimal",
    "S": "longstr",
    "x": "binary",
    "V": "void",
    "A": "array",
    "F": "table",
}
"""What RabbitMQ calls each type in its error texts."""


DEEPEST = 100
"""Levels of tables and arrays in each other; what is nested deeper is refused, since all that is read must be written
again."""


class BadTable(ValueError):
    """The bytes are no field table."""


def decode_table(data: bytes, offset: int = 0, level: int = 0) -> tuple[Table, int]:
    """The table at `offset` with the offset behind it; `level` says how deep it lies in others. Raises BadTable."""
    if level > DEEPEST:
        raise BadTable(f"nested more than {DEEPEST} levels deep")
    try:
        (size,) = _LONG.unpack_from(data, offset)
        offset += 4
        end = offset + size
        if end > len(data):
            raise BadTable("table longer than its frame")
        table: Table = {}
        while offset < end:
            length = data[offset]
            name = data[offset + 1 : offset + 1 + length].decode("utf-8", "surrogateescape")
            table[name], offset = _decode_field(data, offset + 1 + length, level)
        if offset != end:
            raise BadTable("table entries run over its end")
        return table, end
    except (struct.error, IndexError) as error:
        raise BadTable(str(error)) from error


def encode_table(table: Table) -> bytes:
    """The table with its length in front. Raises struct.error for a value that its tag cannot hold."""
    parts = []
    for name, field in table.items():
        raw = name.encode("utf-8", "surrogateescape")
        parts.append(bytes((len(raw),)) + raw + _encode_field(field))
    body = b"".join(parts)
    return _LONG.pack(len(body)) + body


def short_string(value: str) -> bytes:
    """A string of at most 255 octets with its length in front; what is longer is cut."""
    raw = value.encode("utf-8", "surrogateescape")[:255]
    return bytes((len(raw),)) + raw


def text(value: str) -> Field:
    """A long string field."""
    return Field("S", value.encode("utf-8", "surrogateescape"))


def texts(values: list[str]) -> Field:
    return Field("A", [text(value) for value in values])


def as_text(field: Field | None) -> str | None:
    """The string a field holds; None for a missing field or one of another type."""
    if field is None or field.tag != "S":
        return None
    return str(field.value.decode("utf-8", "surrogateescape"))


def is_integer(field: Field) -> bool:
    return field.tag in _INTEGERS


def same(one: Field | None, other: Field | None) -> bool:
    """Whether two arguments mean the same: integers of different widths do."""
    if one is None or other is None:
        return one is other
    if is_integer(one) and is_integer(other):
        return bool(one.value == other.value)
    return one == other


def _decode_field(data: bytes, offset: int, level: int) -> tuple[Field, int]:
    tag = chr(data[offset])
    offset += 1
    number = _NUMBERS.get(tag)
    if number is not None:
        return Field(tag, number.unpack_from(data, offset)[0]), offset + number.size
    if tag in "Sx":
        (size,) = _LONG.unpack_from(data, offset)
        end = offset + 4 + size
        if end > len(data):
            raise BadTable("string longer than its frame")
        return Field(tag, data[offset + 4 : end]), end
    if tag == "F":
        table, end = decode_table(data, offset, level + 1)
        return Field(tag, table), end
    if tag == "A":
        if level == DEEPEST:
            raise BadTable(f"nested more than {DEEPEST} levels deep")
        (size,) = _LONG.unpack_from(data, offset)
        offset += 4
        end = offset + size
        values = []
        while offset < end:
            value, offset = _decode_field(data, offset, level + 1)
            values.append(value)
        if offset != end:
            raise BadTable("array entries run over its end")
        return Field(tag, values), end
    if tag == "D":
        return Field(tag, _DECIMAL.unpack_from(data, offset)), offset + _DECIMAL.size
    if tag in "V\x00":
        return Field("V", None), offset
    raise BadTable(f"unknown field type {tag!r}")


def _encode_field(field: Field) -> bytes:
    tag, value = field
    head = tag.encode("latin-1")
    number = _NUMBERS.get(tag)
    if number is not None:
        return head + number.pack(value)
    if tag in "Sx":
        return head + _LONG.pack(len(value)) + bytes(value)
    if tag == "F":
        return head + encode_table(value)
    if tag == "A":
        body = b"".join(_encode_field(item) for item in value)
        return head + _LONG.pack(len(body)) + body
    if tag == "D":
        return head + _DECIMAL.pack(*value)
    return head
