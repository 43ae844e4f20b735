"""What faults do to AMQP messages and to their answers, on their way through an intercepting session.

A fault that adds, holds or drops something shifts the channel's numbering; from then on every delivery tag and every
confirm is translated between client and broker, one by one, until the channel closes. So neither side ever gets a
number that it does not know, `multiple` or not.

Patterns are matched with the op a message has in its Flow, and for an answer with the verb and what the answer is
about: `ack orders.mail`, `confirm order.created`.
"""

from __future__ import annotations

import msgspec

from lab.faults.catalogue import ON_MESSAGES, effect
from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.amqp import frames as wire
from lab.wire.amqp.channel import Batch, Channel, Content
from lab.wire.amqp.flows import VERBS, confirmation, settle_bits, settlement
from lab.wire.disturb import disturb, fell, touched
from lab.wire.outgoing import Outgoing
from lab.wire.session import Reset, Side, Strike

PATIENCE = 1.0
"""Seconds that held deliveries wait for more to come: a consumer's prefetch may be smaller than the batch."""

POISON = b"#"
"""What a poisoned body begins with: no JSON text does."""


def publish(channel: Channel, content: Content, now: float, strike: Strike, out: Outgoing) -> None:
    """A whole message from the client."""
    frames = content.frames or []
    fault = strike(("duplicate-publish",), content.flow.op)
    flow = content.finish(channel, content, now)
    _pass_on(Side.SERVER, b"".join(frames), flow.op, [flow], strike, out)
    if fault is not None and not out.over:
        copy = _duplicate(flow, fault)
        channel.publish_copy(copy, now)
        # A copy that cannot be routed must not be returned: the client has sent one message.
        out.send(Side.SERVER, b"".join([wire.without_return(frames[0]), *frames[1:]]))
        out.seen(copy)


def deliver(channel: Channel, content: Content, now: float, strike: Strike, out: Outgoing) -> None:
    """A whole message for the consumer."""
    op = content.flow.op
    batch = channel.batches.get(op)
    if batch is None:
        fault = strike(_kinds(content, "redeliver", "reorder"), op)
        if fault is None or fault.kind != "reorder":
            _hand_over(channel, content, now, fault, strike, out)
            return
        channel.shifted = True
        batch = channel.batches[op] = Batch(fault.id, int(fault.params["hold"]), now + PATIENCE)
        out.wake(PATIENCE)
    batch.contents.append(content)
    if len(batch.contents) >= batch.size:
        let_go(channel, now, out, strike, op)


def get(channel: Channel, content: Content, now: float, strike: Strike, out: Outgoing) -> None:
    """A whole message that the client asked for."""
    _hand_over(channel, content, now, strike(_kinds(content), content.flow.op), strike, out)


def hand_back(channel: Channel, content: Content, now: float, strike: Strike, out: Outgoing) -> None:
    """A whole message that the broker could not route."""
    flow = content.finish(channel, content, now)
    _pass_on(Side.CLIENT, b"".join(content.frames or []), flow.op, [flow], strike, out)


def confirm(channel: Channel, frame: bytes, now: float, strike: Strike, out: Outgoing) -> None:
    """The broker's ack or nack of publishes."""
    method = wire.method_id(frame, 7)
    tag, bits = wire.tag_and_bits(frame, 11)
    multiple = bool(bits & 1)
    answered = channel.confirm(tag, multiple)
    verdicts: list[tuple[int, Flow]] = []
    for published in answered:
        number, flow = published.number, confirmation(published, method == wire.BASIC_ACK, now)
        if not number:
            flow.outcome = "duplicate"
        elif method == wire.BASIC_ACK:
            fault = strike(("lose-confirm",), f"confirm {flow.routing_key}")
            if fault is not None:
                channel.shifted = True
                number, flow.outcome = 0, "lost"
                touched(flow, fault)
        verdicts.append((number, flow))
    if not channel.shifted or not answered:
        subject = answered[-1].flow.routing_key if answered else ""
        _pass_on(Side.CLIENT, frame, f"confirm {subject}".rstrip(), [flow for _, flow in verdicts], strike, out)
        return
    if multiple and channel.forgotten_publishes:
        # What the books forgot was numbered alike on both sides, and this answers all of it.
        out.send(Side.CLIENT, wire.settle_frame(channel.number, method, channel.forgotten_publishes, bits))
        channel.forgotten_publishes = 0
    for number, flow in verdicts:
        if number:
            translated = wire.settle_frame(channel.number, method, number, bits & ~1)
            _pass_on(Side.CLIENT, translated, f"confirm {flow.routing_key}", [flow], strike, out)
        else:
            out.seen(flow)


def settle(channel: Channel, frame: bytes, now: float, strike: Strike, out: Outgoing) -> None:
    """The client's ack, nack or reject of deliveries."""
    method = wire.method_id(frame, 7)
    verb = VERBS[method]
    tag, bits = wire.tag_and_bits(frame, 11)
    multiple, requeue = settle_bits(method, bits)
    answered = channel.settle(tag, multiple)
    op = f"{verb} {answered[-1].flow.queue}" if answered else verb
    if answered and verb == "ack":
        fault = strike(("lose-ack",), op)
        if fault is not None:
            for delivered in answered:
                flow = settlement(verb, delivered, requeue, now)
                flow.outcome = "duplicate" if delivered.settled else "lost"
                out.seen(touched(flow, fault))
            out.last(Reset(fault.id))
            return
    if not channel.shifted:
        flows = [settlement(verb, delivered, requeue, now) for delivered in answered]
        _pass_on(Side.SERVER, frame, op, flows, strike, out)
        return
    single = bits if method == wire.BASIC_REJECT else bits & ~1
    if multiple and channel.forgotten_deliveries and (not tag or tag > channel.forgotten_deliveries):
        out.send(Side.SERVER, wire.settle_frame(channel.number, method, channel.forgotten_deliveries, bits))
        channel.forgotten_deliveries = 0
    elif not answered:
        # Let the broker refuse what is unknown, and not mistake it for a number of its own.
        known = not tag or tag <= channel.forgotten_deliveries
        out.send(Side.SERVER, frame if known else wire.settle_frame(channel.number, method, _UNKNOWN, bits))
    for delivered in answered:
        flow = settlement(verb, delivered, requeue, now)
        if delivered.settled:
            flow.outcome = "duplicate"
            out.seen(flow)
        else:
            delivered.settled = True
            translated = wire.settle_frame(channel.number, method, delivered.tag, single)
            _pass_on(Side.SERVER, translated, op, [flow], strike, out)


_UNKNOWN = (1 << 63) - 1
"""A delivery tag that no broker ever reaches."""


def let_go(channel: Channel, now: float, out: Outgoing, strike: Strike, op: str | None = None) -> None:
    """Deliver what is held, of one op or all, the last first."""
    for key in [op] if op is not None else list(channel.batches):
        batch = channel.batches.pop(key)
        for content in reversed(batch.contents):
            content.flow.faults = (batch.fault,)
            content.flow.outcome = "late"
            _hand_over(channel, content, now, None, strike, out)


def _kinds(content: Content, *kinds: str) -> tuple[str, ...]:
    """These kinds, and poison for a body that is not empty."""
    return (*kinds, "poison") if content.flow.bytes else kinds


def _hand_over(
    channel: Channel, content: Content, now: float, fault: Fault | None, strike: Strike, out: Outgoing
) -> None:
    """Deliver a message under the number that the client will know it by."""
    frames = content.frames or []
    flow = content.finish(channel, content, now)
    number = channel.delivered
    if number != content.tag:
        frames = [wire.retagged(frames[0], number), *frames[1:]]
    if fault is not None and fault.kind == "poison":
        frames = _poisoned(frames, flow, fault)
    _pass_on(Side.CLIENT, b"".join(frames), flow.op, [flow], strike, out)
    if fault is not None and fault.kind == "redeliver" and not out.over:
        copy = _duplicate(flow, fault)
        copy.redelivered = True
        again = wire.retagged(frames[0], channel.deliver_again(number), redelivered=True)
        out.send(Side.CLIENT, b"".join([again, *frames[1:]]))
        out.seen(copy)


def _pass_on(to: Side, data: bytes, op: str, flows: list[Flow], strike: Strike, out: Outgoing) -> None:
    """Send `data`, which has this `op` and gives these flows, unless a fault on the link decides otherwise."""
    fault = strike(ON_MESSAGES, op)
    if fault is None:
        out.send(to, data)
        out.flows(flows)
        return
    for flow in flows:
        touched(flow, fault)
        if effect(fault) == "cut":
            fell(flow, "error", "reset")
    out.disturbed(disturb(fault, to, data), flows)


def _duplicate(flow: Flow, fault: Fault) -> Flow:
    copy = msgspec.structs.replace(flow)
    copy.outcome = "duplicate"
    copy.faults = (*flow.faults, fault.id)
    return copy


def _poisoned(frames: list[bytes], flow: Flow, fault: Fault) -> list[bytes]:
    """The message with its body's first octet replaced; header and sizes stay true."""
    flow.status = "poisoned"
    flow.outcome = "error"
    flow.faults = (*flow.faults, fault.id)
    first = next(at for at, frame in enumerate(frames) if frame[0] == wire.BODY and len(frame) > wire.OVERHEAD)
    spoilt = frames[first][:7] + POISON + frames[first][8:]
    return [*frames[:first], spoilt, *frames[first + 1 :]]
