"""The methods of AMQP 0-9-1 with RabbitMQ's extensions as typed tuples, each with the layout of its fields.

Names are not checked here: RabbitMQ accepts queue and exchange names that the specification's patterns refuse, so the
broker keeps a codec of its own; the tests hold it against pamqp's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from lab.engines.amqp.core.table import BadTable, Table, decode_table, encode_table, short_string

M = TypeVar("M", bound=type)

_LAYOUTS: dict[type, tuple[bytes, tuple[str, ...]]] = {}
_CLASSES: dict[int, type] = {}
_FIXED = {
    "octet": struct.Struct(">B"),
    "short": struct.Struct(">H"),
    "long": struct.Struct(">I"),
    "longlong": struct.Struct(">Q"),
}
_INDEX = struct.Struct(">I")


class BadMethod(ValueError):
    """The bytes are no method frame's payload; worded for the client."""


class UnknownMethod(ValueError):
    """A class or method number that does not exist."""


def decode(payload: bytes) -> Any:
    """The method in a method frame's payload. Raises UnknownMethod, BadMethod."""
    if len(payload) < 4:
        raise bad(payload)
    (index,) = _INDEX.unpack_from(payload)
    method = _CLASSES.get(index)
    if method is None:
        raise UnknownMethod(f"method {index >> 16}.{index & 0xFFFF} is unknown")
    try:
        return method(*_decode_fields(_LAYOUTS[method][1], payload))
    except (struct.error, IndexError, BadTable) as error:
        raise bad(payload) from error
    except UnicodeDecodeError as error:
        raise BadMethod("Malformed UTF-8 in shortstr") from error


def bad(payload: bytes) -> BadMethod:
    """What a client hears whose method frame does not hold what its method asks for."""
    return BadMethod(f"cannot decode {octets(payload[4:])}")


def encode(method: Any) -> bytes:
    """A method frame's payload."""
    head, kinds = _LAYOUTS[type(method)]
    parts = [head]
    bits: list[bool] = []
    for kind, value in zip(kinds, method, strict=True):
        if kind == "bit":
            bits.append(bool(value))
            continue
        if bits:
            parts.append(_pack_bits(bits))
            bits = []
        parts.append(_encode_value(kind, value))
    if bits:
        parts.append(_pack_bits(bits))
    return b"".join(parts)


def octets(data: bytes) -> str:
    """Bytes as RabbitMQ shows them: `<<"abc">>` if all can be read, else `<<97,0>>`; the first 32."""
    start = data[:32]
    if start and all(32 <= octet < 127 for octet in start):
        shown = start.decode().replace("\\", "\\\\").replace('"', '\\"')
        return f'<<"{shown}">>'
    return f"<<{','.join(str(octet) for octet in start)}>>"


def index_of(method: Any) -> tuple[int, int]:
    """(class id, method id)"""
    class_id, method_id = struct.unpack(">HH", _LAYOUTS[type(method)][0])
    return class_id, method_id


def _decode_fields(kinds: tuple[str, ...], payload: bytes) -> list[Any]:
    offset = 4
    bit = 8
    values: list[Any] = []
    for kind in kinds:
        if kind == "bit":
            if bit == 8:
                bit = 0
                octet = payload[offset]
                offset += 1
            values.append(bool(octet >> bit & 1))
            bit += 1
            continue
        bit = 8
        fixed = _FIXED.get(kind)
        if fixed is not None:
            values.append(fixed.unpack_from(payload, offset)[0])
            offset += fixed.size
        elif kind == "shortstr":
            end = offset + 1 + payload[offset]
            if end > len(payload):
                raise bad(payload)
            values.append(payload[offset + 1 : end].decode())
            offset = end
        elif kind == "longstr":
            (size,) = _INDEX.unpack_from(payload, offset)
            end = offset + 4 + size
            if end > len(payload):
                raise bad(payload)
            values.append(payload[offset + 4 : end])
            offset = end
        else:
            table, offset = decode_table(payload, offset)
            values.append(table)
    if offset != len(payload):
        raise bad(payload)
    return values


def _encode_value(kind: str, value: Any) -> bytes:
    fixed = _FIXED.get(kind)
    if fixed is not None:
        packed: bytes = fixed.pack(value)
        return packed
    if kind == "shortstr":
        return short_string(value)
    if kind == "longstr":
        return _INDEX.pack(len(value)) + bytes(value)
    return encode_table(value)


def _pack_bits(bits: list[bool]) -> bytes:
    return bytes((sum(1 << place for place, bit in enumerate(bits) if bit),))


def _method(class_id: int, method_id: int, layout: str = "") -> Callable[[M], M]:
    def register(cls: M) -> M:
        _LAYOUTS[cls] = struct.pack(">HH", class_id, method_id), tuple(layout.split())
        _CLASSES[class_id << 16 | method_id] = cls
        return cls

    return register


@_method(10, 10, "octet octet table longstr longstr")
class ConnectionStart(NamedTuple):
    version_major: int
    version_minor: int
    server_properties: Table
    mechanisms: bytes
    locales: bytes


@_method(10, 11, "table shortstr longstr shortstr")
class ConnectionStartOk(NamedTuple):
    client_properties: Table
    mechanism: str
    response: bytes
    locale: str


@_method(10, 20, "longstr")
class ConnectionSecure(NamedTuple):
    challenge: bytes


@_method(10, 21, "longstr")
class ConnectionSecureOk(NamedTuple):
    response: bytes


@_method(10, 30, "short long short")
class ConnectionTune(NamedTuple):
    channel_max: int
    frame_max: int
    heartbeat: int


@_method(10, 31, "short long short")
class ConnectionTuneOk(NamedTuple):
    channel_max: int
    frame_max: int
    heartbeat: int


@_method(10, 40, "shortstr shortstr bit")
class ConnectionOpen(NamedTuple):
    virtual_host: str
    capabilities: str
    insist: bool


@_method(10, 41, "shortstr")
class ConnectionOpenOk(NamedTuple):
    known_hosts: str


@_method(10, 50, "short shortstr short short")
class ConnectionClose(NamedTuple):
    reply_code: int
    reply_text: str
    class_id: int
    method_id: int


@_method(10, 51)
class ConnectionCloseOk(NamedTuple):
    pass


@_method(10, 60, "shortstr")
class ConnectionBlocked(NamedTuple):
    reason: str


@_method(10, 61)
class ConnectionUnblocked(NamedTuple):
    pass


@_method(10, 70, "longstr shortstr")
class ConnectionUpdateSecret(NamedTuple):
    new_secret: bytes
    reason: str


@_method(10, 71)
class ConnectionUpdateSecretOk(NamedTuple):
    pass


@_method(20, 10, "shortstr")
class ChannelOpen(NamedTuple):
    out_of_band: str


@_method(20, 11, "longstr")
class ChannelOpenOk(NamedTuple):
    channel_id: bytes


@_method(20, 20, "bit")
class ChannelFlow(NamedTuple):
    active: bool


@_method(20, 21, "bit")
class ChannelFlowOk(NamedTuple):
    active: bool


@_method(20, 40, "short shortstr short short")
class ChannelClose(NamedTuple):
    reply_code: int
    reply_text: str
    class_id: int
    method_id: int


@_method(20, 41)
class ChannelCloseOk(NamedTuple):
    pass


@_method(30, 10, "shortstr bit bit bit bit bit")
class AccessRequest(NamedTuple):
    realm: str
    exclusive: bool
    passive: bool
    active: bool
    write: bool
    read: bool


@_method(30, 11, "short")
class AccessRequestOk(NamedTuple):
    ticket: int


@_method(40, 10, "short shortstr shortstr bit bit bit bit bit table")
class ExchangeDeclare(NamedTuple):
    ticket: int
    exchange: str
    kind: str
    passive: bool
    durable: bool
    auto_delete: bool
    internal: bool
    nowait: bool
    arguments: Table


@_method(40, 11)
class ExchangeDeclareOk(NamedTuple):
    pass


@_method(40, 20, "short shortstr bit bit")
class ExchangeDelete(NamedTuple):
    ticket: int
    exchange: str
    if_unused: bool
    nowait: bool


@_method(40, 21)
class ExchangeDeleteOk(NamedTuple):
    pass


@_method(40, 30, "short shortstr shortstr shortstr bit table")
class ExchangeBind(NamedTuple):
    ticket: int
    destination: str
    source: str
    routing_key: str
    nowait: bool
    arguments: Table


@_method(40, 31)
class ExchangeBindOk(NamedTuple):
    pass


@_method(40, 40, "short shortstr shortstr shortstr bit table")
class ExchangeUnbind(NamedTuple):
    ticket: int
    destination: str
    source: str
    routing_key: str
    nowait: bool
    arguments: Table


@_method(40, 51)
class ExchangeUnbindOk(NamedTuple):
    pass


@_method(50, 10, "short shortstr bit bit bit bit bit table")
class QueueDeclare(NamedTuple):
    ticket: int
    queue: str
    passive: bool
    durable: bool
    exclusive: bool
    auto_delete: bool
    nowait: bool
    arguments: Table


@_method(50, 11, "shortstr long long")
class QueueDeclareOk(NamedTuple):
    queue: str
    message_count: int
    consumer_count: int


@_method(50, 20, "short shortstr shortstr shortstr bit table")
class QueueBind(NamedTuple):
    ticket: int
    queue: str
    exchange: str
    routing_key: str
    nowait: bool
    arguments: Table


@_method(50, 21)
class QueueBindOk(NamedTuple):
    pass


@_method(50, 30, "short shortstr bit")
class QueuePurge(NamedTuple):
    ticket: int
    queue: str
    nowait: bool


@_method(50, 31, "long")
class QueuePurgeOk(NamedTuple):
    message_count: int


@_method(50, 40, "short shortstr bit bit bit")
class QueueDelete(NamedTuple):
    ticket: int
    queue: str
    if_unused: bool
    if_empty: bool
    nowait: bool


@_method(50, 41, "long")
class QueueDeleteOk(NamedTuple):
    message_count: int


@_method(50, 50, "short shortstr shortstr shortstr table")
class QueueUnbind(NamedTuple):
    ticket: int
    queue: str
    exchange: str
    routing_key: str
    arguments: Table


@_method(50, 51)
class QueueUnbindOk(NamedTuple):
    pass


@_method(60, 10, "long short bit")
class BasicQos(NamedTuple):
    prefetch_size: int
    prefetch_count: int
    global_: bool


@_method(60, 11)
class BasicQosOk(NamedTuple):
    pass


@_method(60, 20, "short shortstr shortstr bit bit bit bit table")
class BasicConsume(NamedTuple):
    ticket: int
    queue: str
    consumer_tag: str
    no_local: bool
    no_ack: bool
    exclusive: bool
    nowait: bool
    arguments: Table


@_method(60, 21, "shortstr")
class BasicConsumeOk(NamedTuple):
    consumer_tag: str


@_method(60, 30, "shortstr bit")
class BasicCancel(NamedTuple):
    consumer_tag: str
    nowait: bool


@_method(60, 31, "shortstr")
class BasicCancelOk(NamedTuple):
    consumer_tag: str


@_method(60, 40, "short shortstr shortstr bit bit")
class BasicPublish(NamedTuple):
    ticket: int
    exchange: str
    routing_key: str
    mandatory: bool
    immediate: bool


@_method(60, 50, "short shortstr shortstr shortstr")
class BasicReturn(NamedTuple):
    reply_code: int
    reply_text: str
    exchange: str
    routing_key: str


@_method(60, 60, "shortstr longlong bit shortstr shortstr")
class BasicDeliver(NamedTuple):
    consumer_tag: str
    delivery_tag: int
    redelivered: bool
    exchange: str
    routing_key: str


@_method(60, 70, "short shortstr bit")
class BasicGet(NamedTuple):
    ticket: int
    queue: str
    no_ack: bool


@_method(60, 71, "longlong bit shortstr shortstr long")
class BasicGetOk(NamedTuple):
    delivery_tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    message_count: int


@_method(60, 72, "shortstr")
class BasicGetEmpty(NamedTuple):
    cluster_id: str


@_method(60, 80, "longlong bit")
class BasicAck(NamedTuple):
    delivery_tag: int
    multiple: bool


@_method(60, 90, "longlong bit")
class BasicReject(NamedTuple):
    delivery_tag: int
    requeue: bool


@_method(60, 100, "bit")
class BasicRecoverAsync(NamedTuple):
    requeue: bool


@_method(60, 110, "bit")
class BasicRecover(NamedTuple):
    requeue: bool


@_method(60, 111)
class BasicRecoverOk(NamedTuple):
    pass


@_method(60, 120, "longlong bit bit")
class BasicNack(NamedTuple):
    delivery_tag: int
    multiple: bool
    requeue: bool


@_method(85, 10, "bit")
class ConfirmSelect(NamedTuple):
    nowait: bool


@_method(85, 11)
class ConfirmSelectOk(NamedTuple):
    pass


@_method(90, 10)
class TxSelect(NamedTuple):
    pass


@_method(90, 11)
class TxSelectOk(NamedTuple):
    pass


@_method(90, 20)
class TxCommit(NamedTuple):
    pass


@_method(90, 21)
class TxCommitOk(NamedTuple):
    pass


@_method(90, 30)
class TxRollback(NamedTuple):
    pass


@_method(90, 31)
class TxRollbackOk(NamedTuple):
    pass
