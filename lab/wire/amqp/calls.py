"""AMQP methods that ask and are answered by a method: set-up, consuming, getting, opening and closing.

A call's Flow is complete when the answer comes; without an answer (`nowait`) when it is sent. A close answers the call
that it refuses.
"""

from __future__ import annotations

from lab.journal.event import Flow
from lab.wire.amqp import frames as wire
from lab.wire.amqp.channel import Call, Channel, Connection, Consumer, Handler
from lab.wire.amqp.flows import connection_over, reply, unanswered
from lab.wire.amqp.frames import short_string


def call(op: str, answer_id: int, *fields: str, nowait: int = 0) -> Handler:
    """The handler of a request whose arguments are a reserved short, the strings `fields` and an octet of bits, in
    which `nowait` says that no answer will come. Queue or exchange name the request: `declare orders.mail`."""

    def handle(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
        pos += 2
        said = {}
        for name in fields:
            said[name], pos = short_string(data, pos)
        queue = said.get("queue", "")
        if "queue" in said and not queue and op != "declare":
            queue = channel.queue
        subject = queue if "queue" in said else said.get("exchange", "")
        flow = Flow(
            protocol="amqp",
            role="setup",
            op=op if op in _NAMELESS else f"{op} {subject}",
            exchange=said.get("exchange", ""),
            routing_key=said.get("key", ""),
            queue=queue,
        )
        if "to" in said:
            flow.detail = f"exchange {said['to']}"
        if nowait and data[pos] & nowait:
            flows.append(flow)
        else:
            channel.calls.append(Call(answer_id, flow, now))

    return handle


_NAMELESS = ("bind", "unbind")


def consume(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
    queue, pos = short_string(data, pos + 2)
    queue = queue or channel.queue
    stop = pos + 1 + data[pos]
    tag = data[pos + 1 : stop]
    manual = not data[stop] & 2
    flow = Flow(protocol="amqp", role="subscribe", op="consume " + queue, queue=queue)
    if tag:
        channel.consumers[tag] = Consumer(queue, "deliver " + queue, manual)
    if data[stop] & 8:
        flows.append(flow)
    else:
        channel.calls.append(Call(wire.BASIC_CONSUME_OK, flow, now, manual))


def cancel(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
    stop = pos + 1 + data[pos]
    flow = _cancelled(channel, data[pos + 1 : stop])
    if data[stop] & 1:
        flows.append(flow)
    else:
        channel.calls.append(Call(wire.BASIC_CANCEL_OK, flow, now))


def _cancelled(channel: Channel, tag: bytes) -> Flow:
    # The consumer stays known until the broker says that it is gone: deliveries may still be on their way.
    consumer = channel.consumers.get(tag)
    queue = consumer.queue if consumer else ""
    return Flow(protocol="amqp", role="setup", op=f"cancel {queue}", queue=queue)


def cancel_ok(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
    channel.consumers.pop(data[pos + 1 : pos + 1 + data[pos]], None)
    flow = _answered(channel, wire.BASIC_CANCEL_OK, now)
    if flow is not None:
        flows.append(flow)


def cancelled_by_broker(
    _connection: Connection, channel: Channel, data: bytes, pos: int, _now: float, flows: list[Flow]
) -> None:
    tag = data[pos + 1 : pos + 1 + data[pos]]
    flow = _cancelled(channel, tag)
    channel.consumers.pop(tag, None)
    flow.status, flow.outcome, flow.back = "cancelled by the broker", "error", True
    flows.append(flow)


def get(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, _flows: list[Flow]) -> None:
    queue, pos = short_string(data, pos + 2)
    queue = queue or channel.queue
    flow = Flow(protocol="amqp", op="get " + queue, queue=queue)
    channel.calls.append(Call(wire.BASIC_GET_OK, flow, now, manual=not data[pos] & 1))


def get_empty(
    _connection: Connection, channel: Channel, _data: bytes, _pos: int, now: float, flows: list[Flow]
) -> None:
    flow = _answered(channel, wire.BASIC_GET_OK, now)
    if flow is not None:
        flow.status = "empty"
        flows.append(flow)


def ok(answer_id: int) -> Handler:
    def handle(
        _connection: Connection, channel: Channel, _data: bytes, _pos: int, now: float, flows: list[Flow]
    ) -> None:
        flow = _answered(channel, answer_id, now)
        if flow is not None:
            flows.append(flow)

    return handle


def declared(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
    """The broker names the queue, even if the client left the name to it."""
    channel.queue, _ = short_string(data, pos)
    flow = _answered(channel, wire.QUEUE_DECLARE_OK, now)
    if flow is not None:
        flow.queue = channel.queue
        flow.op = "declare " + channel.queue
        flows.append(flow)


def consuming(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
    """The broker names the consumer, even if the client left the name to it."""
    manual = not channel.calls or channel.calls[0].manual
    flow = _answered(channel, wire.BASIC_CONSUME_OK, now)
    if flow is not None:
        tag = data[pos + 1 : pos + 1 + data[pos]]
        channel.consumers[tag] = Consumer(flow.queue, "deliver " + flow.queue, manual)
        flows.append(flow)


def _answered(channel: Channel, answer_id: int, now: float) -> Flow | None:
    if not channel.calls or channel.calls[0].answer != answer_id:
        return None
    call = channel.calls.popleft()
    call.flow.status = "OK"
    call.flow.ms = (now - call.at) * 1000
    return call.flow


# The life of channels and of the connection.


def confirm_select(
    _connection: Connection, channel: Channel, _data: bytes, _pos: int, _now: float, _flows: list[Flow]
) -> None:
    channel.confirming = True


def open_connection(
    connection: Connection, channel: Channel, data: bytes, pos: int, now: float, _flows: list[Flow]
) -> None:
    """The handshake's last question; its Flow tells the time of the whole, from the client's first byte."""
    vhost, _ = short_string(data, pos)
    flow = Flow(protocol="amqp", role="setup", op="open " + vhost)
    channel.calls.append(Call(wire.CONNECTION_OPEN_OK, flow, now if connection.greeted is None else connection.greeted))


def close(op: str, *, back: bool) -> Handler:
    """Either side (`back`: the broker) closes the channel or the connection and says why. If it is an error, it answers
    what was asked."""

    def handle(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
        code, text, _ = reply(data, pos)
        failed = code not in (0, 200)
        name, dash, _ = text.partition(" - ")
        status = f"{code} {name}" if failed and dash else str(code)
        if failed and channel.calls:
            call = channel.calls.popleft()
            call.flow.status, call.flow.outcome, call.flow.ms = status, "error", (now - call.at) * 1000
            flows.append(call.flow)
        flow = Flow(protocol="amqp", role="setup", back=back, op=op, status=status, detail=text)
        flow.outcome = "error" if failed else "ok"
        flows.append(flow)

    return handle


def connection_close_ok(
    connection: Connection, _channel: Channel, _data: bytes, _pos: int, _now: float, flows: list[Flow]
) -> None:
    flows += connection_over(connection, "connection closed", closed=True)


def channel_close_ok(
    connection: Connection, channel: Channel, _data: bytes, _pos: int, _now: float, flows: list[Flow]
) -> None:
    flows += unanswered(channel, "channel closed", closed=True)
    connection.channels.pop(channel.number, None)


def blocked(_connection: Connection, _channel: Channel, data: bytes, pos: int, _now: float, flows: list[Flow]) -> None:
    reason, _ = short_string(data, pos)
    flows.append(Flow(protocol="amqp", role="setup", back=True, op="blocked", outcome="late", detail=reason))


def unblocked(
    _connection: Connection, _channel: Channel, _data: bytes, _pos: int, _now: float, flows: list[Flow]
) -> None:
    flows.append(Flow(protocol="amqp", role="setup", back=True, op="unblocked", status="OK"))
