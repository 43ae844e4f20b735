"""The calls of one connection: which there are, and what their frames say."""

from __future__ import annotations

from collections.abc import Callable

from lab.journal.event import Flow
from lab.locale import tr
from lab.wire.grpc import codes, frames
from lab.wire.grpc.call import Call
from lab.wire.grpc.fields import Blocks, Fields
from lab.wire.grpc.frames import Frame, Reader
from lab.wire.session import Side

MOST_CALLS = 10_000
"""Calls that are followed at once."""
LARGEST_FRAME = 2**24 - 1

Read = tuple[Call | None, Flow | None, Fields | None]
"""Of which call a frame is, the flow that ends with it, and its header fields."""


class Calls:
    """`here` has them by the number of the client's stream, `there` by that of the provider's. `opened` is the highest
    stream that each side has seen opened; `left` the highest of the client's whose call has reached the provider and
    is over. `forgotten` is told of each that is over."""

    def __init__(self, forgotten: Callable[[Call], object]) -> None:
        self.readers = {side: Reader(client=side is Side.CLIENT) for side in Side}
        self.here: dict[int, Call] = {}
        self.there: dict[int, Call] = {}
        self.opened = dict.fromkeys(Side, -1)
        self.left = 0
        self._forgotten = forgotten
        self._blocks = {side: Blocks() for side in Side}

    @property
    def full(self) -> bool:
        return len(self.here) >= MOST_CALLS

    def look(self, side: Side, frame: Frame, now: float) -> Read:
        """What a frame says that goes where it should as it is. Raises hpack.HPACKError."""
        if self.begins(side, frame):
            self.follow(self.begin(frame, now))
            return None, None, None
        fields = self._blocks[side].read(frame.body) if frame.kind in (frames.HEADERS, frames.PUSH_PROMISE) else None
        if frame.kind == frames.SETTINGS:
            self._allow(side.other, frame)
        elif frame.kind == frames.GOAWAY and side is Side.SERVER:
            return None, _goaway(frame), None
        call = self.of(side, frame)
        if call is None:
            return None, None, fields
        turn = self._asks if side is Side.CLIENT else self._answers
        return call, turn(call, frame, fields, now), fields

    def of(self, side: Side, frame: Frame) -> Call | None:
        """The call that a frame belongs to."""
        return (self.here if side is Side.CLIENT else self.there).get(frame.stream)

    def begins(self, side: Side, frame: Frame) -> bool:
        """Whether a call begins with this frame."""
        new = frame.stream % 2 == 1 and frame.stream > self.opened[Side.CLIENT]
        return new and side is Side.CLIENT and frame.kind == frames.HEADERS

    def begin(self, frame: Frame, now: float) -> Call:
        """The call that begins with this frame. Raises hpack.HPACKError."""
        fields = self._blocks[Side.CLIENT].read(frame.body)
        self.opened[Side.CLIENT] = frame.stream
        call = Call(frame.stream, fields, len(frame.raw), now)
        call.asker_over = frame.ends
        return call

    def follow(self, call: Call) -> None:
        """The call begins at the provider with the number that it has."""
        self.opened[Side.SERVER] = call.there = call.here
        if not self.full:
            self.here[call.here] = self.there[call.there] = call

    def reach(self, call: Call) -> int:
        """The call begins at the provider now, with the next number that is expected there."""
        call.there = self.opened[Side.SERVER] = max(call.here, self.opened[Side.SERVER] + 2)
        if self.here.get(call.here) is call:
            self.there[call.there] = call
        return call.there

    def forget(self, call: Call) -> None:
        self.here.pop(call.here, None)
        if call.there is not None:
            self.there.pop(call.there, None)
            self.left = max(self.left, call.here)
        self._forgotten(call)

    def end(self, side: Side, now: float) -> list[Flow]:
        """The connection is over, by this side: the flows of what has no answer."""
        flows = [_unanswered(call, side, now) for call in self.here.values() if not call.told]
        self.here.clear()
        self.there.clear()
        return flows

    def _allow(self, sender: Side, frame: Frame) -> None:
        """What one side allows the other to send."""
        for key, value in frame.settings:
            if key == frames.HEADER_TABLE_SIZE:
                self._blocks[sender].allow(value)
            elif key == frames.MAX_FRAME_SIZE:
                self.readers[sender].limit = max(self.readers[sender].limit, min(value, LARGEST_FRAME))

    def _asks(self, call: Call, frame: Frame, _: Fields | None, now: float) -> Flow | None:
        """The client goes on with a call."""
        flow = None
        self._says(call, frame, call.says)
        if frame.kind == frames.DATA:
            call.data += frame.size
        if frame.ends:
            call.asker_over, call.asked = True, now
        elif frame.kind == frames.RST_STREAM:
            call.asker_over = call.answerer_over = True
            flow = None if call.told else call.given_up(now)
            self.forget(call)
        self._over(call)
        return flow

    def _answers(self, call: Call, frame: Frame, fields: Fields | None, now: float) -> Flow | None:
        """The provider goes on with a call."""
        flow = None
        self._says(call, frame, call.hears)
        if frame.kind == frames.HEADERS and fields is not None:
            call.answered(fields)
        if frame.ends:
            call.answerer_over = True
            flow = None if call.told else call.complete(now)
        elif frame.kind == frames.RST_STREAM:
            call.asker_over = call.answerer_over = True
            flow = None if call.told else call.reset(frame.number, now)
        self._over(call)
        return flow

    def _says(self, call: Call, frame: Frame, heard: Callable[[bytes], None]) -> None:
        if frame.kind in (frames.DATA, frames.HEADERS) and not call.told:
            call.flow.bytes += len(frame.raw)
        if frame.kind == frames.DATA:
            heard(frame.body)

    def _over(self, call: Call) -> None:
        if call.asker_over and call.answerer_over and not call.lost:
            self.forget(call)


def _goaway(frame: Frame) -> Flow:
    code = int.from_bytes(frame.body[4:8])
    flow = Flow(role="setup", back=True, op="goaway", status=codes.reset_name(code), bytes=len(frame.raw))
    flow.outcome = "error" if code else "ok"
    return flow


def _unanswered(call: Call, side: Side, now: float) -> Flow:
    if side is Side.CLIENT:
        early, late = tr("the caller gave up before its answer"), tr("the caller gave up in the middle of its answer")
    else:
        early, late = tr("the provider closed before its answer"), tr("the provider closed in the middle of its answer")
    flow = call.flow
    flow.outcome, flow.status = "lost", flow.status or "closed"
    flow.detail = f"{late if call.begun else early} {flow.detail}".strip()
    return call.tell(now)
