"""The AMQP 0-9-1 session: the frames of both sides become Flows and, under a fault, what goes out instead of them.

Observing skips over bodies and keeps at most one unfinished method or header frame a side. Intercepting passes on each
frame when it is complete, and each message (method, header, body) when it is whole, so that a fault can repeat, spoil
or hold it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.amqp import faults
from lab.wire.amqp import frames as wire
from lab.wire.amqp.channel import Channel, Connection, Content
from lab.wire.amqp.flows import connection_over
from lab.wire.amqp.methods import FROM_CLIENT, FROM_SERVER
from lab.wire.foreign import foreign
from lab.wire.outgoing import Outgoing
from lab.wire.session import Effect, GiveUp, Side, Strike, Undecodable

LONGEST_FRAME = 1 << 20
"""Method and header frames are at most this long (brokers allow 128 KiB); a longer one is not AMQP."""

LONGEST_HELD = 8 << 20
"""A message with a longer body is not held until it is whole, and faults on messages skip it."""

_SETTLES = (wire.BASIC_ACK, wire.BASIC_NACK, wire.BASIC_REJECT)
_CONTENT = {
    Side.CLIENT: {wire.BASIC_PUBLISH: faults.publish},
    Side.SERVER: {
        wire.BASIC_DELIVER: faults.deliver,
        wire.BASIC_GET_OK: faults.get,
        wire.BASIC_RETURN: faults.hand_back,
    },
}


class Lane:
    """What is unfinished of what one side has said so far."""

    __slots__ = ("gone", "greeted", "handlers", "other", "owed", "side", "skip", "skipped", "tail")

    def __init__(self, side: Side) -> None:
        self.side = side
        self.other = side.other
        self.handlers = FROM_CLIENT if side is Side.CLIENT else FROM_SERVER
        self.greeted = False
        self.tail = b""
        """The beginning of a frame."""
        self.gone = 0
        """How many bytes of it were forwarded already."""
        self.skip = 0
        """Bytes of a body frame, its end included, that are still to pass."""
        self.skipped: Channel | None = None
        """The channel of that frame."""
        self.owed = False
        """Whether what is held towards the other side is to be given back at the end of the frame under way."""

    @property
    def midway(self) -> bool:
        """Whether part of a frame was forwarded, so that nothing else may be sent before the rest of it."""
        return bool(self.skip or self.gone)


class AmqpSession:
    """One AMQP connection; see `lab.wire.session.Session`."""

    rewrites = False

    def __init__(self) -> None:
        self._connection = Connection()
        self._client = Lane(Side.CLIENT)
        self._server = Lane(Side.SERVER)
        self._now = 0.0

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        lane = self._client if side is Side.CLIENT else self._server
        flows: list[Flow] = []
        pos = self._pass_body(lane, data, 0, now, flows) if lane.skip else 0
        if lane.tail:
            data = lane.tail + data
        if not lane.greeted:
            pos = self._greeting(lane, data, now)
        size = len(data)
        while size - pos >= wire.OVERHEAD:
            kind, number, length = wire.FRAME.unpack_from(data, pos)
            if kind == wire.BODY:
                lane.skip, lane.skipped = length + 1, self._connection.channels.get(number)
                pos = self._pass_body(lane, data, pos + 7, now, flows)
                continue
            after = _frame_end(data, pos, kind, length)
            if after > size:
                break
            self._read(lane, kind, number, data, pos + 7, now, flows)
            pos = after
        lane.tail = data[pos:]
        lane.gone = size - pos
        return flows

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        self._now = now
        out = Outgoing()
        if not data:
            self._let_go_if_due(now, strike, out)
            return out.effects()
        lane = self._client if side is Side.CLIENT else self._server
        try:
            self._decide(lane, data, now, strike, out)
        except Undecodable as problem:
            self._give_up(str(problem), out)
        except Exception as problem:
            self._give_up(f"a frame that cannot be read: {type(problem).__name__}", out)
        return out.effects()

    def held(self) -> bool:
        """Bytes of an unfinished frame or message, deliveries to come, or a numbering that must be translated on."""
        lanes = (self._client, self._server)
        return any(lane.owed or len(lane.tail) > lane.gone for lane in lanes) or any(
            channel.shifted or _gathering(channel.sending) or _gathering(channel.receiving)
            for channel in self._connection.channels.values()
        )

    def release(self) -> Sequence[Effect]:
        out = Outgoing()
        for lane in (self._client, self._server):
            if lane.midway:
                lane.owed = True
                self._flush_tail(lane, out)
            else:
                self._give_back(lane, out)
        return out.effects()

    def closed(self, side: Side, now: float) -> Sequence[Flow]:  # noqa: ARG002
        self._client.tail = self._server.tail = b""
        return connection_over(self._connection, "connection lost", closed=False)

    # Both modes.

    def _greeting(self, lane: Lane, data: bytes, now: float) -> int:
        """The position after the protocol header, which a server sends only if it speaks another version."""
        preamble = wire.PREAMBLE
        if data[:4] == preamble[: len(data)]:
            if len(data) < 8:
                return 0
            lane.greeted = True
            if lane.side is Side.CLIENT:
                self._connection.greeted = now
            return 8
        if lane.side is Side.CLIENT or foreign(data):
            raise Undecodable(foreign(data) or "the client does not begin with AMQP")
        lane.greeted = True
        return 0

    def _read(self, lane: Lane, kind: int, number: int, data: bytes, pos: int, now: float, flows: list[Flow]) -> None:
        """Book the payload of a frame at `pos`, other than a body; what is complete with it is added to `flows`."""
        channel = self._connection.channels.get(number) or self._connection.channel(number)
        if kind == wire.METHOD:
            handler = lane.handlers.get(wire.method_id(data, pos))
            if handler is not None:
                handler(self._connection, channel, data, pos + 4, now, flows)
            return
        if kind == wire.HEARTBEAT:
            return
        content = channel.sending if lane.side is Side.CLIENT else channel.receiving
        if content is not None and content.header(*wire.properties(data, pos)):
            _finished(lane, channel)
            flows.append(content.finish(channel, content, now))

    def _pass_body(self, lane: Lane, data: bytes, pos: int, now: float, flows: list[Flow]) -> int:
        """Skip over what `data` has of a body frame; the position after it."""
        left = len(data) - pos
        last = lane.skip <= left
        stop = pos + (lane.skip if last else left)
        if last and data[stop - 1] != wire.END:
            raise Undecodable("a body frame without its end")
        lane.skip -= stop - pos
        channel = lane.skipped
        if channel is not None:
            content = channel.sending if lane.side is Side.CLIENT else channel.receiving
            if content is not None and content.body(data, pos, stop - last, last):
                _finished(lane, channel)
                flows.append(content.finish(channel, content, now))
        return stop

    # Intercepting.

    def _decide(self, lane: Lane, data: bytes, now: float, strike: Strike, out: Outgoing) -> None:
        data, pos, gone = lane.tail + data, 0, lane.gone
        lane.tail = b""
        channels = self._connection.channels
        try:
            if lane.skip:
                pos = self._pass(lane, data, 0, 0, now, out)
            if not lane.greeted:
                pos = self._greeting(lane, data, now)
                out.send(lane.other, data[gone:pos])
                gone = 0 if pos else gone
            while not out.over:
                lane.gone = gone
                if not lane.midway:
                    self._catch_up(lane, now, strike, out)
                if len(data) - pos < wire.OVERHEAD:
                    break
                kind, number, length = wire.FRAME.unpack_from(data, pos)
                if kind == wire.BODY and not _gathering(_content(lane, channels.get(number))):
                    lane.skip, lane.skipped = length + 1, channels.get(number)
                    pos, gone = self._pass(lane, data, pos + gone, pos + 7, now, out), 0
                    continue
                after = _frame_end(data, pos, kind, length)
                if after > len(data):
                    break
                if gone:
                    # A frame whose beginning was forwarded already: too late for any fault.
                    flows: list[Flow] = []
                    self._read(lane, kind, number, data, pos + 7, now, flows)
                    out.send(lane.other, data[pos + gone : after])
                    out.flows(flows)
                    gone = 0
                else:
                    self._frame(lane, kind, number, data[pos:after], now, strike, out)
                pos = after
        finally:
            lane.tail = b"" if out.over else data[pos:]
            lane.gone = gone if pos == 0 else 0

    def _pass(self, lane: Lane, data: bytes, begin: int, pos: int, now: float, out: Outgoing) -> int:
        """Send on, from `begin`, a body frame whose payload begins at `pos`; the position after what there is of it."""
        flows: list[Flow] = []
        stop = self._pass_body(lane, data, pos, now, flows)
        out.send(lane.other, data[begin:stop])
        out.flows(flows)
        return stop

    def _frame(
        self, lane: Lane, kind: int, number: int, frame: bytes, now: float, strike: Strike, out: Outgoing
    ) -> None:
        """A whole frame that is still in our hands."""
        if kind == wire.METHOD:
            self._method(lane, number, frame, now, strike, out)
            return
        channel = self._connection.channels.get(number)
        content = _content(lane, channel)
        if channel is None or content is None or content.frames is None:
            flows: list[Flow] = []
            self._read(lane, kind, number, frame, 7, now, flows)
            out.send(lane.other, frame)
            out.flows(flows)
            return
        if kind == wire.HEADER:
            whole = content.header(*wire.properties(frame, 7))
        else:
            whole = kind == wire.BODY and content.body(frame, 7, len(frame) - 1, True)
        content.frames.append(frame)
        if whole:
            _finished(lane, channel)
            decide = _CONTENT[lane.side][wire.method_id(content.frames[0], 7)]
            decide(channel, content, now, strike, out)
        elif content.left > LONGEST_HELD:
            self._let_pass(lane, channel, content, out)

    def _method(self, lane: Lane, number: int, frame: bytes, now: float, strike: Strike, out: Outgoing) -> None:
        channel = self._connection.channel(number)
        method = wire.method_id(frame, 7)
        abandoned = _content(lane, channel)
        if abandoned is not None:
            self._let_pass(lane, channel, abandoned, out)
        if method in _SETTLES:
            answer = faults.settle if lane.side is Side.CLIENT else faults.confirm
            answer(channel, frame, now, strike, out)
            return
        flows: list[Flow] = []
        if method in _CONTENT[lane.side]:
            self._read(lane, wire.METHOD, number, frame, 7, now, flows)
            if (content := _content(lane, channel)) is not None:
                content.frames = [frame]
            return
        if lane.side is Side.SERVER:
            # What the broker says now may be the end of a consumer: no delivery may come after it.
            for other in list(self._connection.channels.values()) if number == 0 else [channel]:
                faults.let_go(other, now, out, strike)
        self._read(lane, wire.METHOD, number, frame, 7, now, flows)
        out.send(lane.other, frame)
        out.flows(flows)

    def _let_pass(self, lane: Lane, channel: Channel, content: Content, out: Outgoing) -> None:
        """Send on what there is of a message; the rest goes as it comes."""
        if content.frames is None:
            return
        frames, content.frames = content.frames, None
        if content.tag and (number := channel.next_delivery(content.tag)) != content.tag:
            frames[0] = wire.retagged(frames[0], number)
        out.send(lane.other, b"".join(frames))

    def _catch_up(self, lane: Lane, now: float, strike: Strike, out: Outgoing) -> None:
        """Between two frames: give back what could not be given in the middle of one."""
        if lane.owed:
            self._give_back(lane, out)
        elif lane is self._server:
            self._let_go_if_due(now, strike, out)

    def _give_back(self, lane: Lane, out: Outgoing) -> None:
        """Send what is held towards the other side, between two frames. What is not whole yet goes on as it comes,
        unless its numbers have to be translated first."""
        channels = self._connection.channels.values()
        lane.owed = False
        if lane is self._server:
            for channel in channels:
                faults.let_go(channel, self._now, out, _spare)
        if not any(channel.shifted for channel in channels):
            self._flush(lane, out)

    def _flush(self, lane: Lane, out: Outgoing) -> None:
        """Send on all unfinished messages and frames as they are."""
        for channel in self._connection.channels.values():
            if (content := _content(lane, channel)) is not None:
                self._let_pass(lane, channel, content, out)
        self._flush_tail(lane, out)

    def _flush_tail(self, lane: Lane, out: Outgoing) -> None:
        out.send(lane.other, lane.tail[lane.gone :])
        lane.gone = len(lane.tail)

    def _give_up(self, reason: str, out: Outgoing) -> None:
        for channel in self._connection.channels.values():
            faults.let_go(channel, self._now, out, _spare)
        for lane in (self._client, self._server):
            self._flush(lane, out)
        out.last(GiveUp(reason))

    def _let_go_if_due(self, now: float, strike: Strike, out: Outgoing) -> None:
        if self._server.midway:
            return  # it is looked at again after the frame
        for channel in self._connection.channels.values():
            for op, batch in list(channel.batches.items()):
                if batch.due <= now + 0.01:
                    faults.let_go(channel, now, out, strike, op)


def _frame_end(data: bytes, pos: int, kind: int, length: int) -> int:
    """The position after the frame at `pos`, which may be more than there is yet."""
    after = pos + wire.OVERHEAD + length
    if kind not in wire.KINDS:
        raise Undecodable(f"there is no frame of type {kind}")
    if after <= len(data):
        if data[after - 1] != wire.END:
            raise Undecodable("a frame without its end")
    elif length > (LONGEST_HELD if kind == wire.BODY else LONGEST_FRAME):
        raise Undecodable(f"a frame of {length} bytes")
    return after


def _content(lane: Lane, channel: Channel | None) -> Content | None:
    """The message that is under way on this side of the channel."""
    if channel is None:
        return None
    return channel.sending if lane.side is Side.CLIENT else channel.receiving


def _finished(lane: Lane, channel: Channel) -> None:
    if lane.side is Side.CLIENT:
        channel.sending = None
    else:
        channel.receiving = None


def _gathering(content: Content | None) -> bool:
    return content is not None and content.frames is not None


def _spare(_kinds: Collection[str], _op: str) -> Fault | None:
    """A strike that hits nothing."""
    return None
