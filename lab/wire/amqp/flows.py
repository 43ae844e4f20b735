"""From AMQP methods and messages to Flows: what each side says on a channel, paired with what it answers.

A message is a Flow when its last byte is seen (`publish`, `return`, `deliver`, `get`), a method with an answer when
that comes, a `confirm`, `ack`, `nack` or `reject` once for each message it answers, with that message's id, queue and
the time since it went out. SASL answers and secrets are never read.
"""

from __future__ import annotations

from lab.journal.event import Flow, Role
from lab.wire.amqp import frames as wire
from lab.wire.amqp.channel import Channel, Connection, Consumer, Content, Delivered, Finish, Handler, Published
from lab.wire.amqp.frames import short_string, tag_and_bits

VERBS = {wire.BASIC_ACK: "ack", wire.BASIC_NACK: "nack", wire.BASIC_REJECT: "reject"}
_ROLES: dict[str, Role] = {"ack": "ack", "nack": "nack", "reject": "nack", "confirm": "ack"}


def unanswered(channel: Channel, status: str, closed: bool) -> list[Flow]:
    """The Flows of what is open on a channel that ends; `status` says why. The broker takes its deliveries back:
    if the channel was `closed` they were given back, otherwise their acks are lost."""
    flows = [answer("confirm", published.flow, status, None) for published in channel.pending.values()]
    flows += [call.flow for call in channel.calls]
    held = dict.fromkeys(channel.unacked.values())  # a copy stands for the same
    open_deliveries = [delivered.flow for delivered in held if not delivered.settled]
    if not closed:
        flows += [answer("ack", message, status, None) for message in open_deliveries]
    for flow in flows:
        flow.outcome = "lost"
        flow.status = status
    if closed:
        flows += [answer("nack", message, status, None) for message in open_deliveries]
    channel.pending.clear()
    channel.unacked.clear()
    channel.calls.clear()
    return flows


def connection_over(connection: Connection, status: str, closed: bool) -> list[Flow]:
    """The same of all channels, which are forgotten with it."""
    flows = [flow for channel in connection.channels.values() for flow in unanswered(channel, status, closed)]
    connection.channels.clear()
    return flows


def answer(op: str, message: Flow, status: str, ms: float | None) -> Flow:
    """The Flow of an answer to `message`."""
    return Flow(
        protocol="amqp",
        role=_ROLES[op],
        back=op == "confirm",
        op=op,
        status=status,
        ms=ms,
        message=message.message,
        correlation=message.correlation,
        exchange=message.exchange,
        routing_key=message.routing_key,
        queue=message.queue,
        redelivered=message.redelivered,
        detail=message.detail,
    )


def confirmation(published: Published, acked: bool, now: float) -> Flow:
    flow = answer("confirm", published.flow, "confirmed" if acked else "nacked", (now - published.at) * 1000)
    if not acked:
        flow.role, flow.outcome = "nack", "error"
    return flow


def settlement(verb: str, delivered: Delivered, requeue: bool, now: float) -> Flow:
    status = "acked" if verb == "ack" else "requeued" if requeue else "rejected"
    return answer(verb, delivered.flow, status, (now - delivered.at) * 1000)


def settle_bits(method: int, bits: int) -> tuple[bool, bool]:
    """(multiple, requeue) of an ack, nack or reject."""
    if method == wire.BASIC_REJECT:
        return False, bool(bits & 1)
    return bool(bits & 1), bool(bits & 2)


# Messages. A `start_*` reads the method that announces one.


def start_publish(
    _connection: Connection, channel: Channel, data: bytes, pos: int, _now: float, _flows: list[Flow]
) -> None:
    exchange, pos = short_string(data, pos + 2)
    key, _ = short_string(data, pos)
    flow = Flow(protocol="amqp", role="message", op="publish " + key, exchange=exchange, routing_key=key)
    channel.sending = Content(flow, finish_publish)


def finish_publish(channel: Channel, content: Content, now: float) -> Flow:
    channel.publish(content.flow, now)
    return content.flow


def start_deliver(
    _connection: Connection, channel: Channel, data: bytes, pos: int, _now: float, _flows: list[Flow]
) -> None:
    stop = pos + 1 + data[pos]
    consumer = channel.consumers.get(data[pos + 1 : stop]) or Consumer("", "deliver ", True)
    channel.receiving = _received(data, stop, consumer.op, consumer.queue, finish_deliver, consumer.manual)


def start_get(
    _connection: Connection, channel: Channel, data: bytes, pos: int, _now: float, _flows: list[Flow]
) -> None:
    call = channel.calls.popleft() if channel.calls and channel.calls[0].answer == wire.BASIC_GET_OK else None
    if call is None:
        channel.receiving = _received(data, pos, "get ", "", finish_deliver, True)
    else:
        channel.receiving = _received(data, pos, call.flow.op, call.flow.queue, finish_deliver, call.manual, call.at)


def _received(
    data: bytes, pos: int, op: str, queue: str, finish: Finish, manual: bool, since: float | None = None
) -> Content:
    tag, redelivered = tag_and_bits(data, pos)
    exchange, pos = short_string(data, pos + 9)
    key, _ = short_string(data, pos)
    flow = Flow(
        protocol="amqp",
        role="delivery",
        back=True,
        op=op,
        exchange=exchange,
        routing_key=key,
        queue=queue,
        redelivered=bool(redelivered & 1),
        status="" if manual else "no-ack",
    )
    return Content(flow, finish, tag, manual, since)


def finish_deliver(channel: Channel, content: Content, now: float) -> Flow:
    flow = content.flow
    if content.since is not None:
        flow.ms = (now - content.since) * 1000
    channel.deliver(flow, now, content.tag, content.manual)
    return flow


def start_return(
    _connection: Connection, channel: Channel, data: bytes, pos: int, _now: float, _flows: list[Flow]
) -> None:
    status, text, pos = reply(data, pos)
    exchange, pos = short_string(data, pos)
    key, _ = short_string(data, pos)
    flow = Flow(
        protocol="amqp",
        role="nack",
        back=True,
        op="return",
        status=f"{status} {text}",
        outcome="error",
        exchange=exchange,
        routing_key=key,
    )
    channel.receiving = Content(flow, _finish_return)


def _finish_return(_channel: Channel, content: Content, _now: float) -> Flow:
    return content.flow


# Answers to messages.


def confirmed(method: int) -> Handler:
    def handle(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
        tag, bits = tag_and_bits(data, pos)
        acked = method == wire.BASIC_ACK
        flows.extend(confirmation(published, acked, now) for published in channel.confirm(tag, bool(bits & 1)))

    return handle


def settled(method: int) -> Handler:
    verb = VERBS[method]

    def handle(_connection: Connection, channel: Channel, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
        tag, bits = tag_and_bits(data, pos)
        multiple, requeue = settle_bits(method, bits)
        flows.extend(settlement(verb, delivered, requeue, now) for delivered in channel.settle(tag, multiple))

    return handle


def recovered(
    _connection: Connection, channel: Channel, _data: bytes, _pos: int, now: float, flows: list[Flow]
) -> None:
    """The broker takes back everything unacked and delivers it again."""
    flows.extend(settlement("nack", delivered, True, now) for delivered in channel.settle(0, True))


def reply(data: bytes, pos: int) -> tuple[int, str, int]:
    """(reply code, reply text, position after them)."""
    text, after = short_string(data, pos + 2)
    return data[pos] << 8 | data[pos + 1], text, after
