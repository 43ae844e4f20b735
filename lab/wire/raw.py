"""A connection that is not decoded: plain TCP, SQL, and whatever turned out to be another protocol."""

from __future__ import annotations

from collections.abc import Sequence

from lab.faults.aim import BYTES
from lab.faults.catalogue import ON_MESSAGES
from lab.journal.event import Flow
from lab.wire.disturb import disturb
from lab.wire.session import Effect, Send, Side, Strike


class RawSession:
    """One Flow `connection` when it ends, with the bytes of both directions.

    It has no messages. A fault on chosen messages (a share, a count) therefore treats each piece that arrives from the
    client as one message with the op `bytes`.
    """

    rewrites = False

    def __init__(self) -> None:
        self._began: float | None = None
        self._bytes = 0
        self._faults: dict[str, None] = {}

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:  # noqa: ARG002 - bytes of both count alike
        if self._began is None:
            self._began = now
        self._bytes += len(data)
        return ()

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        self.observe(side, data, now)
        if side is Side.SERVER or not data:
            return [Send(side.other, data)] if data else []
        fault = strike(ON_MESSAGES, BYTES)
        if fault is not None:
            self._faults[fault.id] = None
        return disturb(fault, Side.SERVER, data)

    def held(self) -> bool:
        return False

    def release(self) -> Sequence[Effect]:
        return ()

    def closed(self, side: Side, now: float) -> Sequence[Flow]:
        if self._began is None:
            return ()
        who = "the caller" if side is Side.CLIENT else "the provider"
        ms = (now - self._began) * 1000
        flow = Flow(
            role="connection", op="connection", status="closed", ms=ms, bytes=self._bytes, detail=f"closed by {who}"
        )
        flow.faults = tuple(self._faults)
        return [flow]
