"""What requests and answers say, as far as the lab reads them; positions are those in the frame.

Each function reads one kind of them, behind its header; `version` decides which fields there are.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.wire.kafka import apis
from lab.wire.kafka.reading import Reader


class Part(NamedTuple):
    """A partition with what is said of it: an `error` in an answer, an `offset`, records between `begin` and `end`."""

    topic: str
    partition: int
    error: int = 0
    offset: int = -1
    begin: int = 0
    end: int = 0


class Joined(NamedTuple):
    """A member's place in its group."""

    error: int
    generation: int
    protocol: str
    member: str
    leads: bool
    members: int


class Place(NamedTuple):
    """An address that a broker says, and where its bytes begin and end."""

    host: str
    port: int
    begin: int
    end: int


def produce(reader: Reader, version: int) -> tuple[int, list[Part]]:
    """How many brokers are to confirm (0: nobody answers), and the records."""
    if version >= 3:
        reader.text()
    acks = reader.int16()
    reader.int32()
    parts = []
    for _ in reader.array():
        topic = reader.text()
        for _ in reader.array():
            partition = reader.int32()
            begin, end = reader.blob()
            parts.append(Part(topic, partition, begin=begin, end=end))
            reader.tags()
        reader.tags()
    return acks, parts


def produced(reader: Reader, version: int) -> list[Part]:
    """Under which offset the first record of each partition was stored."""
    parts = []
    for _ in reader.array():
        topic = reader.text()
        for _ in reader.array():
            partition, error, base = reader.int32(), reader.int16(), reader.int64()
            parts.append(Part(topic, partition, error, base))
            if version >= 2:
                reader.int64()
            if version >= 5:
                reader.int64()
            if version >= 8:
                for _ in reader.array():
                    reader.int32()
                    reader.text()
                    reader.tags()
                reader.text()
            reader.tags()
        reader.tags()
    return parts


def fetch(reader: Reader, version: int) -> list[Part]:
    """From which offset on records are wanted."""
    for _ in range(3 + (version >= 3)):
        reader.int32()
    if version >= 4:
        reader.int8()
    if version >= 7:
        reader.int64()
    parts = []
    for _ in reader.array():
        topic = reader.text()
        for _ in reader.array():
            partition = reader.int32()
            if version >= 9:
                reader.int32()
            parts.append(Part(topic, partition, offset=reader.int64()))
            if version >= 12:
                reader.int32()
            if version >= 5:
                reader.int64()
            reader.int32()
            reader.tags()
        reader.tags()
    return parts


def fetched(reader: Reader, version: int) -> list[Part]:
    """The records of each partition."""
    if version >= 1:
        reader.int32()
    if version >= 7:
        reader.int16()
        reader.int32()
    parts = []
    for _ in reader.array():
        topic = reader.text()
        for _ in reader.array():
            partition, error, high = reader.int32(), reader.int16(), reader.int64()
            if version >= 4:
                reader.int64()
            if version >= 5:
                reader.int64()
            if version >= 4:
                for _ in reader.array():
                    reader.int64()
                    reader.int64()
                    reader.tags()
            if version >= 11:
                reader.int32()
            begin, end = reader.blob()
            parts.append(Part(topic, partition, error, high, begin, end))
            reader.tags()
        reader.tags()
    return parts


def commit(reader: Reader, version: int) -> list[Part]:
    """Up to which offset a group has dealt with records; the group itself is read already."""
    if version >= 1:
        reader.int32()
        reader.text()
    if version >= 7:
        reader.text()
    if 2 <= version <= 4:
        reader.int64()
    parts = []
    for _ in reader.array():
        topic = reader.text()
        for _ in reader.array():
            parts.append(Part(topic, reader.int32(), offset=reader.int64()))
            if version >= 6:
                reader.int32()
            if version == 1:
                reader.int64()
            reader.text()
            reader.tags()
        reader.tags()
    return parts


def committed(reader: Reader, version: int) -> list[Part]:
    if version >= 3:
        reader.int32()
    parts = []
    for _ in reader.array():
        topic = reader.text()
        for _ in reader.array():
            parts.append(Part(topic, reader.int32(), reader.int16()))
            reader.tags()
        reader.tags()
    return parts


def joined(reader: Reader, version: int) -> Joined:
    if version >= 2:
        reader.int32()
    error, generation = reader.int16(), reader.int32()
    if version >= 7:
        reader.text()
    protocol, leader = reader.text(), reader.text()
    if version >= 9:
        reader.int8()
    member = reader.text()
    return Joined(error, generation, protocol, member, bool(member) and member == leader, len(list(reader.array())))


def synced(reader: Reader, version: int) -> tuple[int, list[Part]]:
    """The partitions that a member was given."""
    if version >= 1:
        reader.int32()
    error = reader.int16()
    if version >= 5:
        reader.text()
        reader.text()
    begin, end = reader.blob()
    if end - begin < 6:
        return error, []
    given = Reader(reader.data[:end], begin + 2)  # behind its version; it is never flexible
    return error, [Part(topic, given.int32()) for _ in given.array() for topic in [given.text()] for _ in given.array()]


def group_error(reader: Reader, version: int) -> int:
    """What the answer to a heartbeat or a leaving member begins with."""
    if version >= 1:
        reader.int32()
    return reader.int16()


def versions(reader: Reader) -> list[tuple[int, int, int]]:
    """(API, where its highest version stands, that version) of each API that a broker offers. One that refuses the
    question, because it is asked in a version it does not know, answers as it likes: the client asks again."""
    if reader.int16():
        return []
    found = []
    for _ in reader.array():
        api, _ = reader.int16(), reader.int16()
        found.append((api, reader.pos, reader.int16()))
        reader.tags()
    return found


def addresses(api: int, reader: Reader, version: int) -> list[Place]:
    """Where brokers say that they are to be reached."""
    if api == apis.METADATA:
        if version >= 3:
            reader.int32()
        return _brokers(reader, rack=version >= 1)
    if api == apis.DESCRIBE_CLUSTER:
        reader.int32()
        reader.int16()
        reader.text()
        if version >= 1:
            reader.int8()
        reader.text()
        reader.int32()
        return _brokers(reader, rack=True, fenced=version >= 2)
    if version >= 1:
        reader.int32()
    if version >= 4:
        return _coordinators(reader)
    reader.int16()
    if version >= 1:
        reader.text()
    reader.int32()
    return [_place(reader)]


def _brokers(reader: Reader, *, rack: bool, fenced: bool = False) -> list[Place]:
    places = []
    for _ in reader.array():
        reader.int32()
        places.append(_place(reader))
        if rack:
            reader.text()
        if fenced:
            reader.int8()
        reader.tags()
    return places


def _coordinators(reader: Reader) -> list[Place]:
    places = []
    for _ in reader.array():
        reader.text()
        reader.int32()
        places.append(_place(reader))
        reader.int16()
        reader.text()
        reader.tags()
    return places


def _place(reader: Reader) -> Place:
    begin = reader.pos
    host, port = reader.text(), reader.int32()
    return Place(host, port, begin, reader.pos)


def key(api: int, reader: Reader, version: int) -> str:
    """What a request is about, where that is the first thing it says: a group."""
    if api in (apis.JOIN_GROUP, apis.HEARTBEAT, apis.LEAVE_GROUP, apis.SYNC_GROUP, apis.OFFSET_COMMIT):
        return reader.text()
    if api == apis.CONSUMER_GROUP_HEARTBEAT:
        return reader.text()
    if api == apis.FIND_COORDINATOR and version <= 3:
        return reader.text()
    return ""
