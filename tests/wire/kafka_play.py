"""Kafka's frames, written: what a client asks and a broker answers, in the versions that tests want."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Iterable, Mapping

from lab.wire.kafka import apis
from lab.wire.kafka.reading import text, uvarint
from lab.wire.kafka.records import crc32c

HOST, PORT = "kafka-1.example", 9092
TAP = ("127.0.0.1", 4711)
TOPIC = "shop.events"


def event(name: str, kind: str = "order.created") -> bytes:
    return json.dumps({"specversion": "1.0", "id": name, "type": kind, "correlationid": f"c-{name}"}).encode()


def record(offset: int, value: bytes, key: bytes | None = b"o1", headers: Mapping[str, bytes] = {}) -> bytes:
    body = b"\0" + varint(0) + varint(offset) + blob(key) + blob(value) + varint(len(headers))
    body += b"".join(blob(name.encode()) + blob(said) for name, said in headers.items())
    return varint(len(body)) + body


def batch(base: int, *values: bytes, packing: str = "", headers: Mapping[str, bytes] = {}) -> bytes:
    """Records from the offset `base` on."""
    records = b"".join(record(at, value, headers=headers) for at, value in enumerate(values))
    number = {"": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}[packing]
    records = gzip.compress(records, mtime=0) if packing == "gzip" else records
    covered = struct.pack(">hiqqqhii", number, len(values) - 1, 1, 1, -1, -1, -1, len(values)) + records
    rest = struct.pack(">ibI", 0, 2, crc32c(covered)) + covered
    return struct.pack(">qi", base, len(rest)) + rest


class Writer:
    """Requests and answers of one version of an API; `number` pairs them."""

    def __init__(self, api: int, version: int, number: int = 1, client: str = "pay") -> None:
        self.api, self.version, self.number, self.client = api, version, number, client
        self.flexible = apis.flexible(api, version)

    def asks(self, body: bytes) -> bytes:
        head = struct.pack(">hhi", self.api, self.version, self.number) + text(self.client, flexible=False)
        return framed(head + self.tags + body)

    def answers(self, body: bytes) -> bytes:
        return framed(struct.pack(">i", self.number) + (self.tags if self.api != apis.API_VERSIONS else b"") + body)

    @property
    def tags(self) -> bytes:
        return b"\0" if self.flexible else b""

    def text(self, said: str) -> bytes:
        return text(said, flexible=self.flexible)

    def blob(self, said: bytes) -> bytes:
        return (uvarint(len(said) + 1) if self.flexible else struct.pack(">i", len(said))) + said

    def array(self, items: Iterable[bytes]) -> bytes:
        items = [item + self.tags for item in items]
        return (uvarint(len(items) + 1) if self.flexible else struct.pack(">i", len(items))) + b"".join(items)

    def from_(self, version: int, form: str, *values: int) -> bytes:
        return struct.pack(f">{form}", *values) if self.version >= version else b""

    def texts_from(self, version: int, *said: str) -> bytes:
        return b"".join(map(self.text, said)) if self.version >= version else b""


def produce(records: bytes, *, version: int = 9, number: int = 1, acks: int = -1, partition: int = 2) -> bytes:
    w = Writer(apis.PRODUCE, version, number)
    parts = w.array([struct.pack(">i", partition) + w.blob(records)])
    return w.asks(w.texts_from(3, "") + struct.pack(">hi", acks, 5000) + w.array([w.text(TOPIC) + parts]) + w.tags)


def produced(base: int, *, version: int = 9, number: int = 1, error: int = 0, partition: int = 2) -> bytes:
    w = Writer(apis.PRODUCE, version, number)
    part = struct.pack(">ihq", partition, error, base) + w.from_(2, "q", -1) + w.from_(5, "q", 0)
    part += (w.array([]) + w.text("")) if version >= 8 else b""
    return w.answers(w.array([w.text(TOPIC) + w.array([part])]) + w.from_(1, "i", 0) + w.tags)


def fetch(offset: int, *, version: int = 12, number: int = 2, partition: int = 2) -> bytes:
    w = Writer(apis.FETCH, version, number)
    part = struct.pack(">i", partition) + w.from_(9, "i", 0) + struct.pack(">q", offset) + w.from_(12, "i", 0)
    part += w.from_(5, "q", 0) + struct.pack(">i", 1 << 20)
    head = struct.pack(">iii", -1, 500, 1) + w.from_(3, "i", 1 << 20) + w.from_(4, "b", 0) + w.from_(7, "ii", 0, -1)
    rest = (w.array([]) if version >= 7 else b"") + w.texts_from(11, "")
    return w.asks(head + w.array([w.text(TOPIC) + w.array([part])]) + rest + w.tags)


def fetched(records: bytes, high: int, *, version: int = 12, number: int = 2, partition: int = 2) -> bytes:
    w = Writer(apis.FETCH, version, number)
    part = struct.pack(">ihq", partition, 0, high) + w.from_(4, "q", high) + w.from_(5, "q", 0)
    part += (w.array([]) if version >= 4 else b"") + w.from_(11, "i", -1) + w.blob(records)
    head = w.from_(1, "i", 0) + w.from_(7, "hi", 0, 0)
    return w.answers(head + w.array([w.text(TOPIC) + w.array([part])]) + w.tags)


def join(*, version: int = 6, number: int = 3, group: str = "payments") -> bytes:
    w = Writer(apis.JOIN_GROUP, version, number)
    head = w.text(group) + struct.pack(">i", 6000) + w.from_(1, "i", 6000) + w.text("") + w.texts_from(5, "")
    rest = w.text("consumer") + w.array([w.text("range") + w.blob(b"")]) + w.texts_from(8, "")
    return w.asks(head + rest + w.tags)


def joined(
    generation: int,
    member: str = "m1",
    *,
    version: int = 6,
    number: int = 3,
    protocol: str = "range",
    error: int = 0,
    members: Iterable[str] = ("m1",),
) -> bytes:
    """The first of `members` leads; the answer names them to it alone."""
    leader, *others = members
    w = Writer(apis.JOIN_GROUP, version, number)
    head = w.from_(2, "i", 0) + struct.pack(">hi", error, generation) + w.texts_from(7, "consumer")
    who = w.text(protocol) + w.text(leader) + w.from_(9, "b", 0) + w.text(member)
    named = [leader, *others] if member == leader else []
    return w.answers(head + who + w.array([w.text(one) + w.texts_from(5, "") + w.blob(b"") for one in named]) + w.tags)


def sync(*, member: str = "m1", version: int = 4, number: int = 4, group: str = "payments") -> bytes:
    w = Writer(apis.SYNC_GROUP, version, number)
    head = w.text(group) + struct.pack(">i", 1) + w.text(member) + w.texts_from(3, "") + w.texts_from(5, "", "")
    return w.asks(head + w.array([]) + w.tags)


def synced(partitions: Iterable[int], *, version: int = 4, number: int = 4, error: int = 0) -> bytes:
    w = Writer(apis.SYNC_GROUP, version, number)
    given = list(partitions)
    plain = struct.pack(">hi", 0, 1) + text(TOPIC, flexible=False)
    plain += struct.pack(f">i{len(given)}i", len(given), *given) + struct.pack(">i", -1)
    head = w.from_(1, "i", 0) + struct.pack(">h", error) + w.texts_from(5, "", "")
    return w.answers(head + w.blob(plain) + w.tags)


def heartbeat(*, version: int = 4, number: int = 5, group: str = "payments") -> bytes:
    w = Writer(apis.HEARTBEAT, version, number)
    return w.asks(w.text(group) + struct.pack(">i", 1) + w.text("m1") + w.texts_from(3, "") + w.tags)


def beaten(error: int = 0, *, version: int = 4, number: int = 5) -> bytes:
    w = Writer(apis.HEARTBEAT, version, number)
    return w.answers(w.from_(1, "i", 0) + struct.pack(">h", error) + w.tags)


def commit(
    offset: int, *, version: int = 8, number: int = 6, group: str = "payments", generation: int = 7, partition: int = 2
) -> bytes:
    w = Writer(apis.OFFSET_COMMIT, version, number)
    head = w.text(group) + w.from_(1, "i", generation) + w.texts_from(1, "m1") + w.texts_from(7, "")
    head += struct.pack(">q", -1) if 2 <= version <= 4 else b""
    part = struct.pack(">iq", partition, offset) + w.from_(6, "i", 0)
    part += (struct.pack(">q", -1) if version == 1 else b"") + w.text("")
    return w.asks(head + w.array([w.text(TOPIC) + w.array([part])]) + w.tags)


def committed(error: int = 0, *, version: int = 8, number: int = 6, partition: int = 2) -> bytes:
    w = Writer(apis.OFFSET_COMMIT, version, number)
    part = struct.pack(">ih", partition, error)
    return w.answers(w.from_(3, "i", 0) + w.array([w.text(TOPIC) + w.array([part])]) + w.tags)


def leave(*, version: int = 4, number: int = 7, group: str = "payments") -> bytes:
    w = Writer(apis.LEAVE_GROUP, version, number)
    who = w.array([w.text("m1") + w.text("") + w.texts_from(5, "")]) if version >= 3 else w.text("m1")
    return w.asks(w.text(group) + who + w.tags)


def left(*, version: int = 4, number: int = 7) -> bytes:
    w = Writer(apis.LEAVE_GROUP, version, number)
    rest = w.array([]) if version >= 3 else b""
    return w.answers(w.from_(1, "i", 0) + struct.pack(">h", 0) + rest + w.tags)


def metadata(*, version: int = 12, number: int = 8) -> bytes:
    return Writer(apis.METADATA, version, number).asks(b"\0\0\0\0\0\0")


def brokers(*places: tuple[str, int], version: int = 12, number: int = 8) -> bytes:
    w = Writer(apis.METADATA, version, number)
    items = [struct.pack(">i", 1) + w.text(h) + struct.pack(">i", p) + w.texts_from(1, "") for h, p in places]
    return w.answers(w.from_(3, "i", 0) + w.array(items) + w.text("the-cluster") + struct.pack(">i", 1) + b"\0topics")


def find(*, version: int = 2, number: int = 9, group: str = "payments") -> bytes:
    w = Writer(apis.FIND_COORDINATOR, version, number)
    if version >= 4:
        return w.asks(b"\0" + w.array([]) + w.tags)
    return w.asks(w.text(group) + w.from_(1, "b", 0) + w.tags)


def coordinator(host: str, port: int, *, version: int = 2, number: int = 9) -> bytes:
    w = Writer(apis.FIND_COORDINATOR, version, number)
    place = struct.pack(">i", 1) + w.text(host) + struct.pack(">i", port)
    if version >= 4:
        one = w.text("payments") + place + struct.pack(">h", 0) + w.text("")
        return w.answers(w.from_(1, "i", 0) + w.array([one]) + w.tags)
    return w.answers(w.from_(1, "i", 0) + struct.pack(">h", 0) + w.texts_from(1, "") + place + w.tags)


def cluster(*, version: int, number: int = 10) -> bytes:
    return Writer(apis.DESCRIBE_CLUSTER, version, number).asks(b"\0\0")


def described(host: str, port: int, *, version: int, number: int = 10) -> bytes:
    w = Writer(apis.DESCRIBE_CLUSTER, version, number)
    one = struct.pack(">i", 1) + w.text(host) + struct.pack(">i", port) + w.text("") + w.from_(2, "b", 0)
    head = struct.pack(">ih", 0, 0) + w.text("") + w.from_(1, "b", 1) + w.text("the-cluster") + struct.pack(">i", 1)
    return w.answers(head + w.array([one]) + struct.pack(">i", 0) + w.tags)


def versions(*, version: int = 3, number: int = 11) -> bytes:
    return Writer(apis.API_VERSIONS, version, number).asks(b"")


def offered(offers: Mapping[int, tuple[int, int]], *, version: int = 3, number: int = 11, error: int = 0) -> bytes:
    w = Writer(apis.API_VERSIONS, version, number)
    items = [struct.pack(">hhh", api, *range_) for api, range_ in offers.items()]
    return w.answers(struct.pack(">h", error) + w.array(items) + w.from_(1, "i", 0) + w.tags)


def framed(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


def blob(data: bytes | None) -> bytes:
    return varint(-1) if data is None else varint(len(data)) + data


def varint(value: int) -> bytes:
    return uvarint((value << 1) ^ (value >> 63))
