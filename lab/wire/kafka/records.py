"""Record batches (format v2): what a producer sends to a partition, and what a consumer fetches from it.

    base offset 8 | length 4 | leader epoch 4 | format 1 | CRC-32C 4 | attributes 2 | last offset delta 4 | ...
    ... first and last time 8 + 8 | producer id 8, epoch 2, sequence 4 | count 4 | records

The CRC covers everything from the attributes on. Records may be compressed together; what gzip packed is read, of other
packings only the count is known.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from lab.wire.correlation import correlation
from lab.wire.kafka.reading import Reader, Short

HEAD = struct.Struct(">qiibIhi8x8x8x2x4xi")
CRC_AT, COVERED_AT = 17, 21
FORMAT = 2
CONTROL = 0x20
"""Attribute of a batch that only marks the end of a transaction."""
PACKINGS = {0: "", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
LONGEST_UNPACKED = 8 << 20
SHORTEST = 7
"""Bytes of a record at least."""
LONGEST_EVENT = 64 << 10
"""A longer value is not searched for an event's ids."""


@dataclass(slots=True)
class Record:
    """One record. `value` is where its value begins and ends in the data that was read, if that is to be found there
    (it is not where it was compressed); `ids` are its event's id, type and correlation id, as far as it says them. It
    may stand for the `rest` of its batch, which is not shown one by one because of its `packing` or its length."""

    offset: int
    key: str = ""
    size: int = 0
    ids: Ids = field(default_factory=lambda: Ids())
    value: tuple[int, int] | None = None
    rest: int = 0
    packing: str = ""


class Ids(msgspec.Struct):
    """What of a CloudEvent tells it from others, and to what it belongs."""

    id: str = ""
    type: str = ""
    correlationid: str = ""
    traceparent: str = ""


@dataclass(slots=True)
class Batch:
    """Records that were sent together; `begin` and `end` are its place in the data. `unread` says why the `count`
    records are not in `records`."""

    begin: int
    end: int
    base: int
    last: int
    count: int
    records: list[Record]
    unread: str = ""


def batches(data: bytes, begin: int, end: int) -> Iterator[Batch]:
    """The whole batches in data[begin:end]; a broker may cut off the last one."""
    while end - begin >= HEAD.size:
        base, length, _, form, _, attributes, last, count = HEAD.unpack_from(data, begin)
        after = begin + 12 + length
        if after > end or length < HEAD.size - 12:
            return
        batch = Batch(begin, after, base, base + last, count, [])
        packing = PACKINGS.get(attributes & 7, "an unknown packing")
        if form != FORMAT:
            batch.count, batch.unread = 0, f"message format {form}"
        elif attributes & CONTROL:
            batch.count = 0
        elif packing not in ("", "gzip"):
            batch.unread = packing
        else:
            _read(data, batch, packed=bool(packing))
        yield batch
        begin = after


def poisoned(data: bytes, batch: Batch, record: Record, poison: bytes) -> bytes:
    """The batch with the beginning of the record's value replaced, and a CRC that is right."""
    assert record.value is not None
    at = record.value[0]
    spoilt = data[batch.begin : at] + poison + data[at + len(poison) : batch.end]
    return spoilt[:CRC_AT] + crc32c(spoilt, COVERED_AT).to_bytes(4) + spoilt[COVERED_AT:]


def crc32c(data: bytes, begin: int = 0) -> int:
    """The checksum (Castagnoli's) of data[begin:]."""
    crc, table = 0xFFFFFFFF, _TABLE
    for byte in memoryview(data)[begin:]:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def _read(data: bytes, batch: Batch, *, packed: bool) -> None:
    begin = batch.begin + HEAD.size
    try:
        if packed:
            data, begin = _unpacked(data[begin : batch.end]), 0
        reader = Reader(data, begin)
        if batch.count > (len(data) - begin) // SHORTEST:
            raise Short
        for _ in range(batch.count):
            batch.records.append(_record(reader, batch.base, packed=packed))
    except (Short, zlib.error) as error:
        batch.records.clear()
        batch.unread = str(error) or "cut short"


def _unpacked(data: bytes) -> bytes:
    unpacking = zlib.decompressobj(31)
    unpacked = unpacking.decompress(data, LONGEST_UNPACKED)
    if unpacking.unconsumed_tail:
        raise zlib.error("more than is unpacked here")
    return unpacked


def _record(reader: Reader, base: int, *, packed: bool) -> Record:
    size = reader.varint()
    end = reader.pos + size
    if size < SHORTEST - 1 or end > len(reader.data):
        raise Short
    reader.skip(1)
    reader.varint()  # its time
    record = Record(base + reader.varint())
    key = _bytes(reader)
    record.key = reader.data[key[0] : key[1]].decode("utf-8", "replace")
    begin, stop = _bytes(reader)
    record.size = stop - begin
    if stop > begin and not packed:
        record.value = begin, stop
    record.ids = _ids(reader, begin, stop)
    reader.pos = end
    return record


def _ids(reader: Reader, begin: int, stop: int) -> Ids:
    """An event says its ids in headers, or in its value where that is its JSON form."""
    ids = Ids()
    if stop - begin <= LONGEST_EVENT and reader.data[begin : begin + 1] == b"{":
        try:
            ids = _event.decode(memoryview(reader.data)[begin:stop])
        except msgspec.MsgspecError:
            pass
    for _ in range(max(0, reader.varint())):
        name, value = _bytes(reader), _bytes(reader)
        said = _HEADERS.get(reader.data[name[0] : name[1]].lower())
        if said is not None:
            setattr(ids, said, reader.data[value[0] : value[1]].decode("utf-8", "replace"))
    if not ids.correlationid and ids.traceparent:
        ids.correlationid = correlation(b"", ids.traceparent.encode("latin-1", "replace"))
    return ids


def _bytes(reader: Reader) -> tuple[int, int]:
    size = max(0, reader.varint())
    begin = reader.pos
    reader.skip(size)
    return begin, begin + size


def _step(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE = [_step(value) for value in range(256)]
_event = msgspec.json.Decoder(Ids)
_HEADERS = {
    b"ce_id": "id",
    b"ce_type": "type",
    b"ce_correlationid": "correlationid",
    b"correlationid": "correlationid",
    b"correlation_id": "correlationid",
    b"traceparent": "traceparent",
}
