"""Two protocols for tests: calls on streams of one connection, and a provider that advertises its address."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from lab.faults.catalogue import ON_MESSAGES
from lab.faults.fault import Fault
from lab.journal.event import Flow
from lab.wire.disturb import disturb, pace, touched
from lab.wire.session import Door, Effect, GiveUp, Reset, Seen, Send, Side, Strike

HEAD = struct.Struct(">BHH")
CALL, DATA, END, RESET = b"CDER"


def frame(kind: int, stream: int, text: str = "") -> bytes:
    return HEAD.pack(kind, stream, len(text)) + text.encode()


def frames(data: bytes) -> tuple[list[tuple[int, int, str, bytes]], bytes]:
    """(kind, stream, text, bytes) of each whole frame, and the rest."""
    found = []
    while len(data) >= HEAD.size:
        kind, stream, size = HEAD.unpack_from(data)
        end = HEAD.size + size
        if len(data) < end:
            break
        found.append((kind, stream, data[HEAD.size : end].decode(), data[:end]))
        data = data[end:]
    return found, data


class Calls:
    """`C stream op` asks, `D stream text` answers in parts, `E stream` ends the answer, `R stream` gives a call up."""

    rewrites = False

    def __init__(self) -> None:
        self._rest = {Side.CLIENT: b"", Side.SERVER: b""}
        self._open: dict[int, tuple[Flow, float, Fault | None]] = {}

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        found, self._rest[side] = frames(self._rest[side] + data)
        return [flow for kind, stream, text, _ in found if (flow := self._read(kind, stream, text, now)) is not None]

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        found, self._rest[side] = frames(self._rest[side] + data)
        effects: list[Effect] = []
        for kind, stream, text, raw in found:
            if kind == CALL:
                effects += self._asked(stream, text, raw, now, strike)
                continue
            fault = self._open[stream][2] if stream in self._open else None
            flow = self._read(kind, stream, text, now)
            effects.append(Send(side.other, raw, rate=pace(fault), stream=stream))
            effects += [Seen(flow)] if flow is not None else []
        return effects

    def held(self) -> bool:
        return any(self._rest.values())

    def release(self) -> Sequence[Effect]:
        held = [Send(side.other, rest) for side, rest in self._rest.items() if rest]
        self._rest = {Side.CLIENT: b"", Side.SERVER: b""}
        return held

    def closed(self, side: Side, now: float) -> Sequence[Flow]:  # noqa: ARG002
        return [flow for flow, _, _ in self._open.values()]

    def _asked(self, stream: int, op: str, raw: bytes, now: float, strike: Strike) -> Iterator[Effect]:
        fault = strike(ON_MESSAGES, op)
        flow = touched(Flow(op=op), fault)
        if fault is not None and fault.kind == "reset":
            flow.outcome, flow.status = "error", "reset"
            yield Reset(fault.id, stream)
            yield Send(Side.CLIENT, frame(RESET, stream), stream=stream)
            yield Seen(flow)
            return
        self._open[stream] = (flow, now, fault)
        yield from disturb(fault, Side.SERVER, raw, stream)

    def _read(self, kind: int, stream: int, text: str, now: float) -> Flow | None:
        if kind == CALL:
            self._open[stream] = (Flow(op=text), now, None)
        elif kind in (END, RESET) and stream in self._open:
            flow, at, _ = self._open.pop(stream)
            flow.ms = (now - at) * 1000
            return flow
        return None


class Whereabouts:
    """Lines. A provider says `AT host port`, and the client shall come back to the tap instead."""

    rewrites = True

    def __init__(self, door: Door) -> None:
        self._door = door
        self._rest = b""

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:  # noqa: ARG002
        raise AssertionError("a session that rewrites is never passed by")

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:  # noqa: ARG002
        if side is Side.CLIENT:
            return [Send(Side.SERVER, data)]
        *lines, self._rest = (self._rest + data).split(b"\n")
        effects: list[Effect] = []
        for at, line in enumerate(lines):
            if b"\x00" in line:
                rest = b"\n".join([*lines[at:], self._rest])
                return [*effects, Send(Side.CLIENT, rest), GiveUp("not a line")]
            said = line
            if line.startswith(b"AT "):
                _, host, port = line.decode().split()
                said = b"AT %s %d" % (self._door((host, int(port)))[0].encode(), self._door((host, int(port)))[1])
            effects += [Send(Side.CLIENT, said + b"\n"), Seen(Flow(op=line.decode()))]
        return effects

    def held(self) -> bool:
        return bool(self._rest)

    def release(self) -> Sequence[Effect]:
        return ()  # half a line may still have to be changed

    def closed(self, side: Side, now: float) -> Sequence[Flow]:  # noqa: ARG002
        return ()
