"""Whatever a fault holds, drops or adds, and whenever it begins and ends: both ends hear HTTP/2 that is in order.

The ends are h2's, which refuses header fields that do not decode, wrong numbers of streams and windows that overflow.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lab.wire.grpc.session import GrpcSession
from lab.wire.session import Side
from tests.wire.grpc.ends import Caller, Server
from tests.wire.talk import C, S, Talk

FAULTS = (
    'latency 300ms on "Users/Slow"',
    "latency 200ms jitter=150ms 50%",
    'bandwidth 2KB/s on "Users/Slow"',
    'blackhole on "Users/Slow"',
    "blackhole x1",
    'one-way on "Users/Slow"',
    'reset on "Users/Slow"',
    'grpc-status UNAVAILABLE on "Users/Slow"',
    "grpc-status NOT_FOUND 50%",
    "duplicate 50%",
    "latency 100ms",
    "blackhole",
)


class Wire:
    """Both ends with a tap between. Its clock counts the bytes that came to the tap: at `marks` something happens."""

    def __init__(self, pieces: int = 10_000) -> None:
        self.caller, self.server = Caller(), Server()
        self.talk = Talk(GrpcSession())
        self.pieces = pieces
        self.count = 0
        self.marks: dict[int, str] = {}
        self._read = {C: 0, S: 0}

    def run(self) -> None:
        """Let both sides say what they have to say, until they have no more."""
        while True:
            said = self._says(C, self.caller.out)
            said = self._says(S, self.server.answers(self._heard(S))) or said
            self.caller.hears_all(self._heard(C))
            if not said:
                return

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            self.talk.wait(0.1)
            self.run()

    def ended(self) -> list[int]:
        """The calls that came to an end for the client."""
        return [stream for stream, what in self.caller.log if what == "end" or what.startswith("reset")]

    def _says(self, side: Side, data: bytes) -> bool:
        for piece in self._cut(data):
            self.talk.says(side, piece)
            self.count += len(piece)
            if self.count in self.marks:
                what = self.marks.pop(self.count)
                if what:
                    self.talk.fault(what)
                else:
                    self.talk.heal()
        return bool(data)

    def _cut(self, data: bytes) -> list[bytes]:
        cuts = {*range(0, len(data), self.pieces), len(data)}
        cuts |= {mark - self.count for mark in self.marks if 0 < mark - self.count < len(data)}
        return [data[start:end] for start, end in pairwise(sorted(cuts))]

    def _heard(self, side: Side) -> bytes:
        got = self.talk.got(side)[self._read[side] :]
        self._read[side] += len(got)
        return got


def conversation(wire: Wire, gives_up: bool = False) -> list[int]:
    """Some calls, alone and at once, small and large, with fields that are remembered and fields that are not."""
    caller = wire.caller
    streams = [caller.calls("/shop.Users/Get", x_request_id="r-1")]
    wire.run()
    for number in range(3):
        for end in (caller, wire.server):
            end.remembers((4096, 0, 300)[number])
        streams.append(caller.calls("/shop.Users/Slow", b"x" * 200, x_request_id=f"slow-{number}"))
        streams.append(caller.calls("/shop.Users/Get", b"y" * 50, grpc_timeout=f"{number + 1}S"))
        wire.run()
        if gives_up and number == 1 and streams[-2] not in wire.ended():
            caller.gives_up(streams[-2])
    wire.wait(0.2)
    streams.append(caller.calls("/shop.Users/Slow", b"z" * 2_000))
    wire.run()
    streams.append(caller.calls("/shop.Users/Get"))
    wire.run()
    return streams


def quiet() -> int:
    """How many bytes the conversation has without a fault."""
    wire = Wire()
    conversation(wire)
    return wire.count


def healthy(wire: Wire) -> None:
    """After all faults are healed everything under way comes to its end, and the next call is answered."""
    wire.marks.clear()
    wire.talk.heal()
    wire.run()
    wire.wait(0.3)
    last = wire.caller.calls("/shop.Users/Get", b"still there?")
    wire.run()
    assert (last, "status 0") in wire.caller.log
    assert wire.server.asked[-1] == ("/shop.Users/Get", 17)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_begins_and_heals_at_any_byte(fault: str) -> None:
    total = quiet()
    for begins in range(1 + 3 * FAULTS.index(fault), total, 131):
        wire = Wire()
        wire.marks = {begins: fault, begins + 100 + begins % 700: ""}
        streams = conversation(wire, gives_up=begins % 2 == 0)
        healthy(wire)
        ended = wire.ended()
        missing = [stream for stream in streams if stream not in ended]
        assert len(missing) <= (begins % 2 == 0), (begins, missing, wire.caller.log)


@settings(max_examples=60)
@given(
    faults=st.lists(st.tuples(st.integers(1, 4000), st.sampled_from(("", *FAULTS))), max_size=5),
    pieces=st.sampled_from((1, 2, 9, 60, 10_000)),
    gives_up=st.booleans(),
)
@example(faults=[(1, "latency 100ms"), (212, ""), (264, "latency 100ms")], pieces=1, gives_up=False)
def test_several_faults_whenever_they_begin_and_heal(
    faults: list[tuple[int, str]], pieces: int, gives_up: bool
) -> None:
    wire = Wire(pieces)
    wire.marks = dict(faults)
    streams = conversation(wire, gives_up)
    healthy(wire)
    ended = wire.ended()
    assert sum(stream not in ended for stream in streams) <= gives_up


def test_windows_are_given_back_for_what_is_dropped() -> None:
    """Else the connection would stand still after 64 KB."""
    wire = Wire()
    wire.talk.fault('grpc-status on "Users/Slow"')
    wire.talk.fault('one-way on "Users/Lost"')
    for _ in range(20):
        wire.caller.calls("/shop.Users/Slow", b"x" * 10_000)
        wire.run()
        wire.caller.calls("/shop.Users/Lost", b"x" * 100_000)
        wire.run()
    held = Wire()
    held.talk.fault('blackhole on "Users/Slow"')
    for _ in range(20):
        stream = held.caller.calls("/shop.Users/Slow", b"x" * 10_000)
        held.run()
        held.caller.gives_up(stream)
        held.run()
    for one in (wire, held):
        stream = one.caller.calls("/shop.Users/Get", b"x" * 60_000)
        one.run()
        assert (stream, "status 0") in one.caller.log
    assert {flow.status for flow in held.talk.flows} == {"CANCELLED", "OK"}
    assert held.server.asked == [("/shop.Users/Get", 60_005)]
