"""gRPC on a link: calls on the streams of one HTTP/2 connection, and the faults that hit one of them.

As long as no fault has touched a call, bytes pass as they are. After that the two ends no longer agree on everything,
for the rest of the connection: a call that came late has another number for the provider, because numbers must rise;
header fields that one end was not sent are in the other's table; bytes that were lost count against a window. So from
then on (`_apart`) streams are numbered anew, header fields written so that they need no table, and windows given back.
A call that is held keeps its share of the connection's window until it is given up, as one that nobody reads would.
"""

from __future__ import annotations

from collections.abc import Sequence

import hpack

from lab.faults.catalogue import ON_MESSAGES, effect
from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.disturb import disturb, pace, touched
from lab.wire.grpc import codes, frames
from lab.wire.grpc.call import Call
from lab.wire.grpc.calls import Calls
from lab.wire.grpc.copies import Copies, conversation
from lab.wire.grpc.fields import Fields, written
from lab.wire.grpc.frames import Frame
from lab.wire.session import (
    Again,
    Data,
    Effect,
    GiveUp,
    Late,
    Reset,
    Seen,
    Send,
    Side,
    Stall,
    Stream,
    Strike,
    Undecodable,
)

_ANSWER = frozenset({frames.HEADERS, frames.DATA, frames.RST_STREAM})


class GrpcSession:
    """One HTTP/2 connection."""

    rewrites = False

    def __init__(self) -> None:
        self._copies = Copies()
        self._calls = Calls(self._copies.take)
        self._gone = dict.fromkeys(Side, 0)
        """What was sent on already of the frame that is not complete yet."""
        self._after: dict[Side, list[bytes]] = {side: [] for side in Side}
        """What the lab says to a side once the frame that is half sent to it is complete."""
        self._now = 0.0
        self._intercepting = False
        self._apart = False
        self._over = False
        self._out: list[Effect] = []

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        if self._over:
            return ()
        self._intercepting = False
        reader = self._calls.readers[side]
        flows: list[Flow] = []
        for frame in reader.feed(data):
            try:
                _, flow, _ = self._calls.look(side, frame, now)
            except hpack.HPACKError as error:
                raise Undecodable(_unreadable(error)) from None
            if flow is not None:
                flows.append(flow)
        if reader.broken:
            raise Undecodable(reader.broken)
        return flows

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        if self._over and not self._apart:
            return [*self.release(), Send(side.other, data)]
        if not self._intercepting:
            self._intercepting = True
            self._gone = {one: len(reader.pending) for one, reader in self._calls.readers.items()}
        self._now = now
        out = self._begin()
        reader = self._calls.readers[side]
        read = reader.feed(data)
        for place, frame in enumerate(read):
            try:
                self._take(side, frame, now, strike)
            except hpack.HPACKError as error:
                rest = b"".join(one.raw for one in read[place:])
                return [*out, *self._rest(side, rest + reader.pending), GiveUp(_unreadable(error))]
        if reader.broken:
            return [*out, *self._rest(side, bytes(reader.pending)), GiveUp(reader.broken)]
        if self._gone[side]:
            self._part(side)
        return out

    def held(self) -> bool:
        readers = self._calls.readers.items()
        return self._apart or any(len(reader.pending) > self._gone[side] for side, reader in readers)

    def release(self) -> Sequence[Effect]:
        out = self._begin()
        for call in list(self._calls.here.values()):
            if call.lost:
                self._break_off(call)
            else:
                call.mute = call.rate = None
        if not self._apart:
            for side in Side:
                self._part(side)
        return out

    def closed(self, side: Side, now: float) -> Sequence[Flow]:
        if self._over:
            return ()
        self._over = True
        return self._calls.end(side, now)

    def _begin(self) -> list[Effect]:
        """What is decided now, still empty."""
        self._out = []
        return self._out

    def _take(self, side: Side, frame: Frame, now: float, strike: Strike) -> None:
        """Decide about a frame. Raises hpack.HPACKError, and then nothing is decided yet."""
        if self._gone[side]:
            call, flow, _ = self._calls.look(side, frame, now)
            self._finish(side, frame)
        elif self._calls.begins(side, frame):
            self._open(self._calls.begin(frame, now), frame, now, strike)
            return
        elif side is Side.SERVER and (muted := self._calls.of(side, frame)) and muted.mute and frame.kind in _ANSWER:
            self._lose(muted, muted.mute, frame, now)
            return
        else:
            call, flow, fields = self._calls.look(side, frame, now)
            gives_up = side is Side.CLIENT and frame.kind == frames.RST_STREAM
            if not (gives_up and call is not None and self._dropped(call)):
                self._forward(side, frame, call, fields)
        if flow is not None:
            self._out.append(Seen(flow))
        if side is Side.CLIENT and call is not None:
            self._asked(call, frame, strike)

    def _open(self, call: Call, frame: Frame, now: float, strike: Strike) -> None:
        """A call begins: who is hit is decided here."""
        op = call.flow.op
        if self._apart and self._calls.full:
            self._inject(Side.CLIENT, frames.rst_stream(call.here, codes.REFUSED_STREAM))
            return
        refused = strike(("grpc-status",), op) if call.grpc else None
        call.fault = fault = refused or strike(ON_MESSAGES, op)
        does = effect(fault) if fault is not None else ""
        self._apart = self._apart or fault is not None
        if refused is not None:
            self._refuse(call, refused, frame, now)
            return
        if does == "cut":
            self._inject(Side.CLIENT, frames.rst_stream(call.here, codes.INTERNAL_ERROR))
            call.flow.outcome, call.flow.status = "error", "reset"
            self._out.append(Seen(call.tell(now)))
            return
        call.mute = fault if does == "mute" else None
        call.apart = does in ("slow", "hold")
        call.rate = pace(fault)
        if not self._apart:
            self._calls.follow(call)
            self._out.append(Send(Side.SERVER, frame.raw))
        else:
            self._calls.here[call.here] = call
            slowed, stream = (fault, call.here) if call.apart else (None, None)
            self._out += disturb(slowed, Side.SERVER, self._beginning(call, frame.flags), stream)
        if does != "hold":
            self._copies.begin(call)
        self._asked(call, frame, strike)

    def _asked(self, call: Call, frame: Frame, strike: Strike) -> None:
        """The client said more of its request: once the whole of it is there, does it come twice?"""
        if frame.kind == frames.DATA:
            self._copies.keep(call, frame.body)
        if not frame.ends and frame.kind != frames.RST_STREAM:
            return
        body = self._copies.take(call)
        if body is None or call.told:
            return
        fault = strike(("duplicate",), call.flow.op)
        if fault is not None:
            touched(call.flow, fault)
            self._out.append(Again(conversation(call, body), (fault.id,)))

    def _refuse(self, call: Call, fault: Fault, frame: Frame, now: float) -> None:
        """Answer in place of the provider, which never hears of the call."""
        status = str(fault.params["code"])
        number = codes.NAMES.index(status)
        fields = [(b":status", b"200"), (b"content-type", b"application/grpc"), (b"grpc-status", b"%d" % number)]
        body = written([*fields, (b"grpc-message", b"injected by the lab")])
        answer = frames.block(frames.HEADERS, frames.END_STREAM, call.here, b"", body)
        self._inject(Side.CLIENT, answer if frame.ends else answer + frames.rst_stream(call.here, codes.NO_ERROR))
        flow = call.tell(now)
        flow.bytes += len(answer)
        flow.status, flow.outcome = status, codes.outcome(status)
        self._out.append(Seen(flow))

    def _beginning(self, call: Call, flags: int) -> Late:
        """The beginning of a call, with the number that it gets at the provider when it leaves."""
        body = written(call.fields)

        def make() -> bytes:
            return frames.block(frames.HEADERS, flags, self._calls.reach(call), b"", body)

        return Late(len(body) + 9, make)

    def _forward(self, side: Side, frame: Frame, call: Call | None, fields: Fields | None) -> None:
        """Send a frame on, as the other side has to be told."""
        if not self._apart:
            self._out.append(Send(side.other, frame.raw))
        elif frame.kind == frames.GOAWAY and side is Side.SERVER:
            self._part_ways(frame)
        elif frame.kind == frames.PRIORITY:
            pass  # advice about streams by their numbers
        elif call is None and frame.stream % 2:
            self._give_back(side, frame.size)  # of a call that is over, for one of the ends at least
        else:
            rate, stream = (call.rate, call.here) if call is not None and call.apart else (None, None)
            self._out.append(Send(side.other, _anew(side, frame, call, fields), rate=rate, stream=stream))

    def _dropped(self, call: Call) -> bool:
        """The client has given a call up. Whether nothing of it had left, so that the provider need not know."""
        if call.lost and call.mute is not None:
            self._out.append(Reset(call.mute.id, _waiting(call)))
        held = call.held
        if held is not None:
            self._out.append(Reset(held.id, call.here))
            self._give_back(Side.CLIENT, call.data)
        return held is not None

    def _lose(self, call: Call, fault: Fault, frame: Frame, now: float) -> None:
        """What the provider answers is lost. The client waits, and hears that the stream is broken once that heals."""
        first, call.lost = not call.lost, True
        _, flow, _ = self._calls.look(Side.SERVER, frame, now)
        if flow is not None:
            flow.outcome = "lost"
            self._out.append(Seen(flow))
        self._give_back(Side.SERVER, frame.size)
        if frame.size and call.there is not None and not frame.ends:
            self._inject(Side.SERVER, frames.window_update(call.there, frame.size))
        if first:
            end = frames.rst_stream(call.here, codes.INTERNAL_ERROR)
            self._out += [Stall(fault.id, _waiting(call)), Send(Side.CLIENT, end, stream=_waiting(call))]

    def _break_off(self, call: Call) -> None:
        """A call whose answer is lost, or some of it, is over; the client hears so once that heals."""
        self._calls.forget(call)
        if not call.told and call.there is not None:
            self._inject(Side.SERVER, frames.rst_stream(call.there, codes.CANCEL))
            flow = call.tell(self._now)
            flow.outcome, flow.status = "lost", flow.status or "reset"
            self._out.append(Seen(flow))

    def _part_ways(self, frame: Frame) -> None:
        """The provider takes no more calls: the client hears up to which of its own were taken. Those that were not,
        though later ones were, are refused one by one, which clients may take for a leave to try again."""
        last = int.from_bytes(frame.body[:4]) & frames.LARGEST_WINDOW
        if last < frames.LARGEST_WINDOW:
            taken = [call.here for number, call in self._calls.there.items() if number <= last]
            left = self._calls.left
            for call in list(self._calls.here.values()):
                if call.held or (call.there or 0) > last:
                    self._turn_away(call)
            last = max([left, *taken])
        self._out.append(Send(Side.CLIENT, frames.goaway(frame.raw, last)))

    def _turn_away(self, call: Call) -> None:
        """The provider will not take this call."""
        self._dropped(call)
        self._calls.forget(call)
        self._inject(Side.CLIENT, frames.rst_stream(call.here, codes.REFUSED_STREAM))
        if not call.told:
            self._out.append(Seen(call.reset(codes.REFUSED_STREAM, self._now)))

    def _give_back(self, side: Side, size: int) -> None:
        """The window of the connection that a side used up for bytes which nobody will read."""
        if size:
            self._inject(side, frames.window_update(0, size))

    def _inject(self, to: Side, data: bytes) -> None:
        """Say something to a side of our own accord, though not in the middle of a frame."""
        if self._gone[to.other]:
            self._after[to].append(data)
        else:
            self._out.append(Send(to, data))

    def _part(self, side: Side) -> None:
        """Send on what there is of a frame that is not complete yet."""
        pending, gone = self._calls.readers[side].pending, self._gone[side]
        if len(pending) > gone:
            self._gone[side] = len(pending)
            self._out.append(Send(side.other, bytes(pending[gone:])))

    def _finish(self, side: Side, frame: Frame) -> None:
        """Send the end of a frame whose beginning is gone, and what had to wait for that."""
        gone, self._gone[side] = self._gone[side], 0
        after, self._after[side.other] = self._after[side.other], []
        self._out += [Send(side.other, part) for part in (frame.raw[gone:], *after)]

    def _rest(self, side: Side, rest: bytes) -> list[Effect]:
        """Bytes that are not the protocol any more, and all that is held besides."""
        gone, self._gone[side] = self._gone[side], 0
        self._calls.readers[side].pending.clear()
        return [Send(side.other, rest[gone:]), *self.release()]


def _anew(side: Side, frame: Frame, call: Call | None, fields: Fields | None) -> Data:
    """The frame for the other side: header fields need no table, and the stream has the number that it has there."""
    raw = frame.raw
    if fields is not None:
        raw = frames.block(frame.kind, frame.flags, frame.stream, frame.lead, written(fields))
    if call is None:
        return raw
    if side is Side.SERVER:
        return frames.on_stream(raw, call.here)
    return Late(len(raw), lambda: frames.on_stream(raw, call.there or 0))  # its beginning leaves before


def _waiting(call: Call) -> Stream:
    """The stream, for the tap, of the word that ends a call without an answer: none that the call itself has."""
    return -call.here


def _unreadable(error: Exception) -> str:
    return f"header fields that cannot be read: {error}"
