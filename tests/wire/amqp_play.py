"""Playbooks for the AMQP session: bytes of both sides in, Flows and bytes out, written and read as short sentences."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any

from pamqp import body, commands, frame, header
from pamqp.base import Frame

from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.amqp.session import AmqpSession
from lab.wire.session import Effect, GiveUp, Mute, Reset, Seen, Send, Side, Stall, Wake
from tests.wire.playbook import left

GREETING = b"AMQP\x00\x00\x09\x01"


def say(method: Frame, channel: int = 1) -> bytes:
    return frame.marshal(method, channel)


def message(
    method: Frame, ident: str = "", text: bytes = b'{"n": 1}', channel: int = 1, split: int = 4096, **properties: Any
) -> bytes:
    """A whole message, its body in frames of `split` bytes."""
    said = commands.Basic.Properties(message_id=ident or None, **properties)
    parts = [text[at : at + split] for at in range(0, len(text), split)]
    return b"".join(
        [
            frame.marshal(method, channel),
            frame.marshal(header.ContentHeader(0, len(text), said), channel),
            *(frame.marshal(body.ContentBody(part), channel) for part in parts),
        ]
    )


def publish(ident: str, key: str = "order.created", channel: int = 1, mandatory: bool = False, **more: Any) -> bytes:
    method = commands.Basic.Publish(exchange="shop.events", routing_key=key, mandatory=mandatory)
    return message(method, ident, channel=channel, **more)


def deliver(ident: str, tag: int, channel: int = 1, consumer: str = "c", again: bool = False, **more: Any) -> bytes:
    method = commands.Basic.Deliver(consumer, tag, again, "shop.events", "order.created")
    return message(method, ident, channel=channel, **more)


def ack(tag: int, multiple: bool = False, channel: int = 1) -> bytes:
    return say(commands.Basic.Ack(tag, multiple), channel)


def nack(tag: int, multiple: bool = False, requeue: bool = True, channel: int = 1) -> bytes:
    return say(commands.Basic.Nack(tag, multiple, requeue), channel)


def sentences(data: bytes) -> list[str]:
    """What the bytes say: `deliver 3 m2 again {"n": 1}`, `publish order.created m1 {"n": 1}`, `ack 4 multiple`."""
    found = []
    said: Frame | None = None
    ident, text, left = "", b"", 0
    for unit in _frames(data):
        if isinstance(unit, header.ContentHeader):
            ident, text, left = str(unit.properties.message_id or "-"), b"", unit.body_size
        elif isinstance(unit, body.ContentBody):
            text += unit.value
            left -= len(unit.value)
        elif isinstance(unit, commands.Basic.Publish | commands.Basic.Deliver | commands.Basic.GetOk):
            said, left = unit, -1
        else:
            found.append(_sentence(unit))
        if said is not None and left == 0:
            found.append(f"{_sentence(said)} {ident} {text.decode()}".replace("  ", " "))
            said = None
    return found


def _frames(data: bytes) -> Iterator[Any]:
    data = data.removeprefix(GREETING)
    while data:
        size, _, unit = frame.unmarshal(data)
        yield unit
        data = data[size:]


def _sentence(unit: Frame) -> str:
    match unit:
        case commands.Basic.Publish():
            return f"publish {unit.routing_key}" + " mandatory" * bool(unit.mandatory)
        case commands.Basic.Deliver():
            return f"deliver {unit.delivery_tag}" + " again" * bool(unit.redelivered)
        case commands.Basic.GetOk():
            return f"got {unit.delivery_tag}" + " again" * bool(unit.redelivered)
        case commands.Basic.Ack():
            return f"ack {unit.delivery_tag}" + " multiple" * bool(unit.multiple)
        case commands.Basic.Nack():
            return f"nack {unit.delivery_tag}" + " multiple" * bool(unit.multiple) + " requeue" * bool(unit.requeue)
        case commands.Basic.Reject():
            return f"reject {unit.delivery_tag}" + " requeue" * bool(unit.requeue)
        case _:
            return str(unit.name)


def told(flow: Flow) -> str:
    """A Flow as `op message status outcome`, leaving out what is empty or ok."""
    parts = [flow.op, flow.message, flow.status, flow.outcome if flow.outcome != "ok" else "", *flow.faults]
    return " ".join(part for part in parts if part)


@dataclass
class Play:
    """One session, its clock, and all that came of it. `faults` strike like a plan's: the first that fits."""

    session: AmqpSession = field(default_factory=AmqpSession)
    faults: list[Fault] = field(default_factory=list)
    now: float = 0.0
    flows: list[Flow] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sent: dict[Side, bytes] = field(default_factory=lambda: {Side.CLIENT: b"", Side.SERVER: b""})

    def observe(self, side: Side, *chunks: bytes) -> list[str]:
        """Feed bytes in observe mode; the flows they come to."""
        flows = [flow for chunk in chunks for flow in self.session.observe(side, chunk, self.now)]
        self.flows += flows
        return [told(flow) for flow in flows]

    def client(self, *chunks: bytes) -> list[str]:
        return self.observe(Side.CLIENT, *chunks)

    def server(self, *chunks: bytes) -> list[str]:
        return self.observe(Side.SERVER, *chunks)

    def intercept(self, side: Side, *chunks: bytes) -> list[str]:
        """Feed bytes in intercept mode; the flows they come to. What goes out is read with `heard`."""
        begun = len(self.flows)
        for chunk in chunks:
            self.take(self.session.intercept(side, chunk, self.now, self.strike))
        return [told(flow) for flow in self.flows[begun:]]

    def release(self) -> None:
        self.take(self.session.release())

    def take(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            match effect:
                case Send(to):
                    self.sent[to] += left(effect)
                    if effect.delay or effect.rate:
                        self.effects.append(effect)
                case Seen(flow):
                    self.flows.append(flow)
                case Reset() | Stall() | Mute() | GiveUp() | Wake():
                    self.effects.append(effect)
                case _:
                    raise AssertionError(effect)

    def heard(self, side: Side) -> list[str]:
        """What `side` was sent since the last time."""
        data, self.sent[side] = self.sent[side], b""
        return sentences(data)

    def strike(self, kinds: Collection[str], op: str) -> Fault | None:
        self.asked.append(op)
        for at, fault in enumerate(self.faults):
            if fault.kind in kinds and (not fault.match or fnmatchcase(op, fault.match)):
                if fault.count is not None:
                    if fault.count == 1:
                        del self.faults[at]
                    else:
                        self.faults[at] = _counted(fault)
                return fault
        return None


def _counted(fault: Fault) -> Fault:
    assert fault.count is not None
    return replace(fault, count=fault.count - 1)


def fault(kind: str, match: str = "", count: int | None = 1, **params: float) -> Fault:
    return Fault(kind=kind, target="orders->broker", match=match, count=count, params=params, id="f1")


def opened(play: Play) -> Play:
    """The play after the client's greeting."""
    play.observe(Side.CLIENT, GREETING)
    return play


def consuming(play: Play, queue: str = "orders.mail") -> Play:
    """The play after a consume."""
    play.observe(Side.CLIENT, say(commands.Basic.Consume(queue=queue, consumer_tag="c")))
    play.observe(Side.SERVER, say(commands.Basic.ConsumeOk("c")))
    play.flows.clear()
    return play


def confirming(play: Play) -> Play:
    """The play after confirm.select."""
    play.observe(Side.CLIENT, say(commands.Confirm.Select()))
    play.observe(Side.SERVER, say(commands.Confirm.SelectOk()))
    return play
