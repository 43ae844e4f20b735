"""Calls that share a connection: what a fault does to one of them leaves the others alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from lab.wire.actions import Action, Write
from lab.wire.lane import Lane
from lab.wire.session import Late, Side
from tests.wire.loops import in_both_loops
from tests.wire.rig import serving, tapped
from tests.wire.talk import C, S, Talk
from tests.wire.toys import CALL, DATA, END, HEAD, RESET, Calls, frame, frames


def answers(data: bytes) -> bytes:
    """A provider that answers each call at once, in two parts."""
    found, _ = frames(data)
    return b"".join(
        frame(DATA, stream, text.upper()) + frame(DATA, stream, "!") + frame(END, stream)
        for kind, stream, text, _ in found
        if kind == CALL
    )


def timeline(talk: Talk, side: Side) -> list[tuple[int, int, str]]:
    """(ms, stream, kind) of the frames that reached a side."""
    return [
        (round(at * 1000), stream, chr(kind)) for at, data in talk.heard[side] for kind, stream, _, _ in frames(data)[0]
    ]


def sent(actions: Sequence[Action]) -> list[bytes]:
    return [action.data for action in actions if isinstance(action, Write)]


def test_latency_of_one_call_leaves_the_others_alone() -> None:
    talk = Talk(Calls(), answers)
    fault = talk.fault('latency 300ms on "slow"')
    talk.says(C, frame(CALL, 1, "slow") + frame(CALL, 3, "quick")).wait(1)
    assert timeline(talk, S) == [(0, 3, "C"), (300, 1, "C")]
    assert timeline(talk, C) == [(0, 3, "D"), (0, 3, "D"), (0, 3, "E"), (300, 1, "D"), (300, 1, "D"), (300, 1, "E")]
    assert [(flow.op, flow.outcome, flow.ms, flow.faults) for flow in talk.flows] == [
        ("quick", "ok", 0, ()),
        ("slow", "late", 300, (fault.id,)),
    ]


def test_what_follows_on_a_late_stream_waits_behind_it() -> None:
    talk = Talk(Calls())
    talk.fault('latency 300ms on "slow"')
    talk.says(C, frame(CALL, 1, "slow")).wait(0.1)
    talk.says(C, frame(DATA, 1, "more") + frame(DATA, 3, "other")).wait(1)
    assert timeline(talk, S) == [(100, 3, "D"), (300, 1, "C"), (300, 1, "D")]


def test_bandwidth_of_one_call_lets_whole_frames_pass_when_their_last_byte_would() -> None:
    talk = Talk(Calls(), lambda data: frame(DATA, frames(data)[0][0][1], "x" * 995) * 3)
    talk.fault('bandwidth 10KB/s on "big"')
    size = len(frame(CALL, 1, "big"))
    talk.says(C, frame(CALL, 1, "big")).says(C, frame(CALL, 3, "small")).wait(2)
    begun = size / 10
    assert timeline(talk, S) == [(0, 3, "C"), (round(begun), 1, "C")]
    assert [at for at, stream, _ in timeline(talk, C) if stream == 3] == [0, 0, 0]
    late = [at for at, stream, _ in timeline(talk, C) if stream == 1]
    assert late == pytest.approx([begun + 100, begun + 200, begun + 300], abs=1)


def test_a_blackhole_for_one_call_holds_it_both_ways_until_it_heals() -> None:
    talk = Talk(Calls(), answers)
    fault = talk.fault('blackhole x1 on "gone"')
    talk.says(C, frame(CALL, 1, "gone")).says(C, frame(CALL, 3, "fine")).wait(2)
    talk.says(S, frame(DATA, 1, "late word"))
    assert {stream for _, stream, _ in timeline(talk, S) + timeline(talk, C)} == {3}
    assert not talk.connection.direct[C]
    talk.heal()
    assert timeline(talk, S)[1:] == [(2000, 1, "C")]
    assert [at for at, stream, _ in timeline(talk, C) if stream == 1] == [2000] * 4
    assert [(flow.op, flow.outcome, flow.ms) for flow in talk.flows] == [("fine", "ok", 0), ("gone", "late", 2000)]
    assert talk.flows[1].faults == (fault.id,)
    assert talk.connection.direct == {C: True, S: True}


def test_the_reset_of_one_call_is_the_protocols_own_and_the_connection_lives() -> None:
    talk = Talk(Calls(), answers)
    fault = talk.fault('reset on "cut"')
    talk.says(C, frame(CALL, 1, "cut") + frame(CALL, 3, "fine"))
    assert timeline(talk, C)[0] == (0, 1, chr(RESET))
    assert [stream for _, stream, _ in timeline(talk, S)] == [3]
    assert talk.ends == []
    assert [(flow.op, flow.outcome, flow.faults) for flow in talk.flows] == [
        ("cut", "error", (fault.id,)),
        ("fine", "ok", ()),
    ]


def test_the_end_waits_for_all_streams() -> None:
    talk = Talk(Calls())
    talk.fault('latency 300ms on "slow"')
    talk.says(C, frame(CALL, 1, "slow")).ends_from(C).wait(1)
    assert timeline(talk, S) == [(300, 1, "C")]
    assert talk.ends == [(0.3, S, "eof")]


def test_what_has_no_stream_leaves_before_what_follows_it_on_any() -> None:
    lane = Lane(S, timed=False)
    lane.opened = True
    lane.send(b"settings", 0.0, delay=0.5)
    lane.send(b"call", 0.0, stream=1)
    lane.send(b"ping", 0.1)
    assert lane.pump(0.4) == []
    assert sent(lane.pump(0.5)) == [b"settings", b"call", b"ping"]


def test_a_reset_stream_drops_what_waits_of_it_alone() -> None:
    lane = Lane(S, timed=False)
    lane.opened = True
    lane.stall(False, {1, 3})
    lane.send(b"one", 0.0, stream=1)
    lane.send(b"three", 0.0, stream=3)
    assert lane.drop(1) == []
    lane.stall(False)
    assert sent(lane.pump(0.0)) == [b"three"]
    assert (lane.empty, lane.waiting) == (True, 0)


def test_the_rate_of_a_stream_counts_from_when_its_bytes_came() -> None:
    lane = Lane(S, timed=False)
    lane.opened = True
    lane.send(b"x" * 100, 1000.0, rate=100.0, stream=1)
    assert lane.pump(1000.9) == []
    assert sent(lane.pump(1001.0)) == [b"x" * 100]


def test_what_is_made_late_is_made_when_it_leaves() -> None:
    lane = Lane(S, timed=False)
    left: list[int] = []
    lane.opened = True

    def make() -> bytes:
        left.append(len(left))
        return b"%d" % len(left)

    lane.send(Late(1, make), 0.0, delay=1.0, stream=1)
    lane.send(Late(5, make), 0.0, stream=3)
    assert sent(lane.pump(0.0)) == [b"1"]
    assert sent(lane.pump(1.0)) == [b"2"]
    assert (lane.empty, lane.waiting) == (True, 0)


def test_a_rate_on_the_link_never_mixes_the_frames_of_two_streams() -> None:
    lane = Lane(S, timed=False)
    lane.opened, lane.rate = True, 100.0
    lane.send(b"1" * 40, 0.0, stream=1)
    lane.send(b"3" * 40, 0.0, stream=3)
    all_sent, now = b"", 0.0
    while not lane.empty:
        all_sent += b"".join(sent(lane.pump(now)))
        now += 0.01
    assert all_sent == b"1" * 40 + b"3" * 40


class Caller:
    """A client of many calls on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def asks(self, stream: int, op: str) -> None:
        self._writer.write(frame(CALL, stream, op))

    async def hears(self) -> tuple[int, int]:
        """(stream, kind) of the next frame that ends a call."""
        async with asyncio.timeout(10):
            while True:
                kind, stream, size = HEAD.unpack(await self._reader.readexactly(HEAD.size))
                await self._reader.readexactly(size)
                if kind in (END, RESET):
                    return stream, kind


async def provider(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(answers(data))


@in_both_loops
async def test_through_a_running_tap() -> None:
    async with serving(provider) as upstream, tapped("tcp", upstream) as rig:
        rig.tap._session = lambda _: Calls()
        reader, writer = await asyncio.open_connection(*rig.address)
        caller = Caller(reader, writer)
        caller.asks(1, "hello")
        assert await caller.hears() == (1, END)
        rig.fault('latency 200ms on "slow"')
        rig.fault('blackhole x1 on "gone"')
        rig.fault('reset on "cut"')
        for stream, op in ((3, "slow"), (5, "gone"), (7, "cut"), (9, "fine")):
            caller.asks(stream, op)
        assert [await caller.hears() for _ in range(3)] == [(7, RESET), (9, END), (3, END)]
        rig.heal()
        assert await caller.hears() == (5, END)
        assert rig.tap.connections == 1
        assert [(flow.op, flow.outcome) for flow in rig.flows] == [
            ("hello", "ok"),
            ("cut", "error"),
            ("fine", "ok"),
            ("slow", "late"),
            ("gone", "late"),
        ]
        writer.close()
