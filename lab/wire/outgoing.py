"""What an intercepting session has decided so far: effects in order, neighbouring writes joined into one."""

from __future__ import annotations

from collections.abc import Sequence

from lab.journal.event import Flow
from lab.wire.session import Effect, Reset, Seen, Send, Side, Wake


class Outgoing:
    """Collects effects. `over` says that the connection was cut, and nothing after that counts."""

    def __init__(self) -> None:
        self.over = False
        self._effects: list[Effect] = []
        self._to = Side.SERVER
        self._chunks: list[bytes] = []
        self._flows: list[Flow] = []

    def send(self, to: Side, data: bytes) -> None:
        if not data:
            return
        if to is not self._to:
            self._settle()
            self._to = to
        self._chunks.append(data)

    def seen(self, flow: Flow) -> None:
        self._flows.append(flow)

    def flows(self, flows: list[Flow]) -> None:
        self._flows += flows

    def disturbed(self, effects: Sequence[Effect], flows: list[Flow]) -> None:
        """What a fault of the link makes of some bytes, and the flows that they come to: behind the Send that they may
        wait for, but before a Reset."""
        self._settle()
        self.over = any(isinstance(effect, Reset) for effect in effects)
        seen = [Seen(flow) for flow in flows]
        self._effects += [*seen, *effects] if self.over else [*effects, *seen]

    def wake(self, delay: float) -> None:
        self._settle()
        self._effects.append(Wake(delay))

    def last(self, effect: Effect) -> None:
        """The connection's last effect, or this session's."""
        self._settle()
        self._effects.append(effect)
        self.over = True

    def effects(self) -> list[Effect]:
        self._settle()
        return self._effects

    def _settle(self) -> None:
        if self._chunks:
            self._effects.append(Send(self._to, b"".join(self._chunks)))
            self._chunks = []
        self._effects += [Seen(flow) for flow in self._flows]
        self._flows = []
