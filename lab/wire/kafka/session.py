"""The Kafka session: the frames of both sides become Flows and, under a fault, what goes out instead of them; the
addresses of brokers become the tap's.

It always intercepts, a frame at a time: a frame is passed on when it is whole, and one that is longer than the lab
cares to hold goes through in pieces, unread.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.locale import tr
from lab.wire.kafka import apis, faults, flows, messages
from lab.wire.kafka.books import Books
from lab.wire.kafka.reading import Reader, Short, text
from lab.wire.kafka.request import HEAD, MOST, SIZE, Request, check, head
from lab.wire.outgoing import Outgoing
from lab.wire.session import Door, Effect, GiveUp, Seen, Side, Strike, Undecodable

LONGEST_HELD = 8 << 20
"""A longer frame is not read."""
MOST_PENDING = 10_000
MOST_PARTITIONS = 10_000
ANSWER_HEAD = 8
"""Its size and the number of the request."""
ADDRESSES = (apis.METADATA, apis.FIND_COORDINATOR, apis.DESCRIBE_CLUSTER)
REWRITTEN = (*ADDRESSES, apis.API_VERSIONS)
"""The answers that must not reach the client as they are."""


def sessions() -> Callable[[Door], KafkaSession]:
    """What makes the sessions of one tap."""
    books = Books()
    return lambda door: KafkaSession(door, books)


class Lane:
    """What is unfinished of what one side has said so far."""

    __slots__ = ("data", "gone", "skip")

    def __init__(self) -> None:
        self.data = bytearray()
        """The beginning of a frame."""
        self.gone = 0
        """How many bytes of it were forwarded already."""
        self.skip = 0
        """Bytes of a long frame that are still to pass."""


class KafkaSession:
    """One connection to a broker; see `lab.wire.session.Session`."""

    rewrites = True

    def __init__(self, door: Door, books: Books) -> None:
        self._door = door
        self._books = books
        self._lanes = {side: Lane() for side in Side}
        self._pending: dict[int, Request] = {}
        self._wanted: dict[tuple[str, int], int] = {}
        """From which offset on the client wants a partition's records."""

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        effects = self.intercept(side, data, now, _spare)
        for effect in effects:
            if isinstance(effect, GiveUp):
                raise Undecodable(effect.reason)
        return [effect.flow for effect in effects if isinstance(effect, Seen)]

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        out = Outgoing()
        self._lanes[side].data += data
        try:
            self._frames(side, now, strike, out)
        except Undecodable as problem:
            self._give_up(str(problem), out)
        except Exception as problem:
            self._give_up(f"a frame that cannot be read: {type(problem).__name__}", out)
        return out.effects()

    def held(self) -> bool:
        return any(len(lane.data) > lane.gone for lane in self._lanes.values())

    def release(self) -> Sequence[Effect]:
        out = Outgoing()
        for side, lane in self._lanes.items():
            if side is Side.CLIENT or not self._to_be_changed(lane):
                self._flush(side, out)
        return out.effects()

    def closed(self, side: Side, now: float) -> Sequence[Flow]:  # noqa: ARG002
        pending = list(self._pending.values())
        self._pending.clear()
        return flows.lost(pending, now)

    # Frames.

    def _frames(self, side: Side, now: float, strike: Strike, out: Outgoing) -> None:
        lane = self._lanes[side]
        while not out.over:
            if lane.skip:
                self._skip(side, lane, out)
            if side is Side.CLIENT:
                check(bytes(lane.data[: HEAD.size]))
            if len(lane.data) < ANSWER_HEAD:
                return
            size = SIZE.unpack_from(lane.data)[0] + SIZE.size
            if not ANSWER_HEAD <= size <= MOST + SIZE.size:
                raise Undecodable("the broker's answer is none of Kafka's")
            if size - SIZE.size > LONGEST_HELD:
                if len(lane.data) < HEAD.size:
                    return
                self._let_pass(side, lane, size, now, out)
                continue
            if len(lane.data) < size:
                return
            frame, gone = bytes(lane.data[:size]), lane.gone
            if side is Side.CLIENT:
                self._request(frame, gone, now, strike, out)
            else:
                self._answer(frame, gone, now, strike, out)
            del lane.data[:size]  # not before: what cannot be read is to be found there, and given out as it is
            lane.gone = 0

    def _skip(self, side: Side, lane: Lane, out: Outgoing) -> None:
        piece = bytes(lane.data[: lane.skip])
        del lane.data[: lane.skip]
        lane.skip -= len(piece)
        out.send(side.other, piece)

    def _let_pass(self, side: Side, lane: Lane, size: int, now: float, out: Outgoing) -> None:
        """A frame that is too long to be held: only its head is read."""
        if side is Side.CLIENT:
            _, api, version, number = HEAD.unpack_from(lane.data)
            self._remember(Request(api, version, number, "", now, ops=(apis.name(api),)))
        else:
            request = self._asked(bytes(lane.data[:ANSWER_HEAD]))
            flow = flows.exchange(request, now)
            flow.bytes, flow.detail = size, tr("a frame of {size} bytes, too long to be read", size=size)
            out.seen(flow)
        del lane.data[: lane.gone]
        lane.skip, lane.gone = size - lane.gone, 0

    # Requests.

    def _request(self, frame: bytes, gone: int, now: float, strike: Strike, out: Outgoing) -> None:
        request, reader = head(frame, now)
        if apis.readable(request.api, request.version):
            try:
                flows.asked(request, reader, frame)
            except Short:
                pass  # the broker will say what it thinks of it
        if request.api == apis.FETCH:
            self._want(request)
        if not request.silent:
            self._remember(request)
        if gone:  # its beginning was forwarded already: too late for any fault
            out.send(Side.SERVER, frame[gone:])
            out.flows(request.flows)
            return
        copy = faults.request(request, frame, self._free_number, strike, out)
        if copy is not None and not copy.silent:
            self._pending[copy.number] = copy

    def _remember(self, request: Request) -> None:
        if len(self._pending) >= MOST_PENDING:
            raise Undecodable("the broker does not answer")
        self._pending[request.number] = request

    def _free_number(self) -> int:
        """A number that no request under way has, nor one soon to come."""
        number = -2
        while number in self._pending:
            number -= 1
        return number

    def _want(self, request: Request) -> None:
        for part in request.parts:
            self._wanted[part.topic, part.partition] = part.offset
        while len(self._wanted) > MOST_PARTITIONS:
            del self._wanted[next(iter(self._wanted))]

    # Answers.

    def _answer(self, frame: bytes, gone: int, now: float, strike: Strike, out: Outgoing) -> None:
        request = self._asked(frame)
        if request.copy is not None:
            return
        reader = Reader(frame, ANSWER_HEAD, flexible=apis.flexible(request.api, request.version))
        if request.api != apis.API_VERSIONS:
            reader.tags()
        if not apis.readable(request.api, request.version):
            faults.answer(request, frame[gone:], [flows.exchange(request, now)], strike, out)
        elif request.api in REWRITTEN:
            change = self._limited if request.api == apis.API_VERSIONS else self._led_here
            changed = change(request, frame, reader)
            faults.answer(request, changed, [flows.exchange(request, now)], strike, out)
        elif request.api == apis.FETCH:
            self._records(request, frame, reader, gone, now, strike, out)
        else:
            faults.answer(request, frame[gone:], self._told(request, reader, now), strike, out)

    def _asked(self, frame: bytes) -> Request:
        number = int.from_bytes(frame[SIZE.size : ANSWER_HEAD], signed=True)
        request = self._pending.pop(number, None)
        if request is None:
            raise Undecodable("the broker answers what nobody has asked")
        return request

    def _told(self, request: Request, reader: Reader, now: float) -> list[Flow]:
        try:
            if request.api == apis.PRODUCE:
                parts = messages.produced(reader, request.version)
                return flows.confirmed(request, parts, now) or [flows.exchange(request, now)]
            if request.api == apis.OFFSET_COMMIT:
                return flows.settled(request, messages.committed(reader, request.version), self._books, now)
            return flows.answered(request, reader, self._books, now)
        except Short:
            return [flows.exchange(request, now)]

    def _records(
        self, request: Request, frame: bytes, reader: Reader, gone: int, now: float, strike: Strike, out: Outgoing
    ) -> None:
        try:
            parts = messages.fetched(reader, request.version)
        except Short:
            parts = []
        faults.records(request, frame, parts, self._wanted, self._books, gone, now, strike, out)

    def _limited(self, _request: Request, frame: bytes, reader: Reader) -> bytes:
        """The versions that a broker offers, without those that the lab does not read."""
        changed = bytearray(frame)
        for api, at, highest in messages.versions(reader):
            most = apis.HIGHEST.get(api, highest)
            if highest > most:
                changed[at : at + 2] = most.to_bytes(2)
        return bytes(changed)

    def _led_here(self, request: Request, frame: bytes, reader: Reader) -> bytes:
        """The answer with the tap's addresses in place of the brokers'."""
        parts, at = [], SIZE.size
        for place in messages.addresses(request.api, reader, request.version):
            if place.port <= 0:  # nobody knows
                continue
            host, port = self._door((place.host, place.port))
            parts += [frame[at : place.begin], text(host, flexible=reader.flexible), port.to_bytes(4)]
            at = place.end
        body = b"".join([*parts, frame[at:]])
        return SIZE.pack(len(body)) + body

    # What is held.

    def _to_be_changed(self, lane: Lane) -> bool:
        """Whether the answer under way is one that must not be given out as it is, or may be."""
        if lane.gone or lane.skip or not lane.data:
            return False
        number = int.from_bytes(lane.data[SIZE.size : ANSWER_HEAD], signed=True)
        unknown = len(lane.data) < ANSWER_HEAD
        asked = self._pending.values() if unknown else filter(None, [self._pending.get(number)])
        return any(request.api in REWRITTEN for request in asked)

    def _flush(self, side: Side, out: Outgoing) -> None:
        lane = self._lanes[side]
        out.send(side.other, bytes(lane.data[lane.gone :]))
        lane.gone = len(lane.data)

    def _give_up(self, reason: str, out: Outgoing) -> None:
        for side in Side:
            self._flush(side, out)
        out.last(GiveUp(reason))


def _spare(_kinds: Collection[str], _op: str) -> Fault | None:
    """A strike that hits nothing."""
    return None
