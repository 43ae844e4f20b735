"""The toy protocol's decoder: it only ever looks on."""

from __future__ import annotations

from collections.abc import Sequence

from lab.journal.event import Flow
from lab.wire.session import Effect, Send, Session, Side, Strike


class LinesSession(Session):
    rewrites = False

    def __init__(self) -> None:
        self._rest = {Side.CLIENT: b"", Side.SERVER: b""}
        self._asked: list[tuple[str, float]] = []

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        *lines, self._rest[side] = (self._rest[side] + data).split(b"\n")
        if side is Side.CLIENT:
            self._asked += [(line.decode(), now) for line in lines]
            return ()
        flows = []
        for line in lines:
            op, asked = self._asked.pop(0)
            flows.append(Flow(op=op, status=line.decode(), ms=(now - asked) * 1000))
        return flows

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:  # noqa: ARG002
        self.observe(side, data, now)
        return [Send(side.other, data)] if data else []

    def held(self) -> bool:
        return False

    def release(self) -> Sequence[Effect]:
        return ()

    def closed(self, side: Side, now: float) -> Sequence[Flow]:  # noqa: ARG002
        return [Flow(op=op, outcome="lost") for op, _ in self._asked]
