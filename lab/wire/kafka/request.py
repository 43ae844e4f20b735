"""A request on its way, from its frame until it is answered."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.foreign import foreign
from lab.wire.kafka import apis
from lab.wire.kafka.messages import Part
from lab.wire.kafka.reading import Reader
from lab.wire.session import Undecodable

SIZE = struct.Struct(">i")
HEAD = struct.Struct(">ihhi")
"""The size of the rest, API, version, and the number by which client and broker know the request."""
NUMBER_AT = 8

LEAST, MOST = 8, 100 << 20
"""Bytes of a frame behind its size; brokers take no longer ones either."""
MOST_VERSION = 30


@dataclass(slots=True)
class Request:
    """What was asked, and what its answer will be read with.

    `about` is the group (or what else it is about), `parts` are the partitions; `ops` are the names by which a fault's
    pattern finds it. `flows` tell of the records that it brought. `silent`: no answer comes. `late` is for how many
    seconds its answer waits, `mute` a fault that begins with it; `copy` says which fault made the request, of which the
    client knows nothing.
    """

    api: int
    version: int
    number: int
    client: str
    at: float
    about: str = ""
    member: str = ""
    generation_at: int = 0
    parts: list[Part] = field(default_factory=list)
    ops: tuple[str, ...] = ()
    flows: list[Flow] = field(default_factory=list)
    silent: bool = False
    late: float = 0.0
    fault: Fault | None = None
    mute: Fault | None = None
    copy: Fault | None = None

    @property
    def op(self) -> str:
        return self.ops[0]


def head(frame: bytes, now: float) -> tuple[Request, Reader]:
    """The request in a frame, of which at least the head is there, and a reader at its body. Raises Undecodable if that
    is no request, and Short."""
    check(frame)
    _, api, version, number = HEAD.unpack_from(frame)
    reader = Reader(frame, HEAD.size, flexible=apis.flexible(api, version))
    request = Request(api, version, number, reader.plain_text(), now, ops=(apis.name(api),))
    reader.tags()
    return request, reader


def check(data: bytes) -> None:
    """Raises Undecodable unless a request may begin like this, as far as it is there."""
    size = SIZE.unpack_from(data)[0] if len(data) >= SIZE.size else LEAST
    if not LEAST <= size <= MOST:
        raise Undecodable(foreign(data) or "the client does not begin with Kafka")
    if len(data) >= HEAD.size:
        _, api, version, _ = HEAD.unpack_from(data)
        if not (0 <= api <= apis.MOST and 0 <= version <= MOST_VERSION):
            raise Undecodable(foreign(data) or f"there is no Kafka API {api} in version {version}")


def renumbered(frame: bytes, number: int) -> bytes:
    return frame[:NUMBER_AT] + number.to_bytes(4, signed=True) + frame[NUMBER_AT + 4 :]
