"""Dialogues with a whole connection, faults included, without sockets and in a time of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.faults.text import parse
from lab.journal.event import Flow
from lab.wire.actions import Action, End, How, Probe, Read, Write
from lab.wire.connection import Connection
from lab.wire.linkfaults import LinkFaults
from lab.wire.session import Again, Session, Side

C, S = Side.CLIENT, Side.SERVER

Answer = Callable[[bytes], bytes]


class Talk:
    """`a->b` over one connection. `heard` is what reached each side, with the time of each piece; times are seconds
    since the beginning. What reaches the provider is answered at once with `answer`, if there is one."""

    def __init__(self, session: Session, answer: Answer | None = None, sides: Sequence[Side] = (S, C)) -> None:
        self.plan = Plan(1)
        self.faults = LinkFaults(self.plan, "a->b")
        self.faults.renew()
        self.plan.watch("a->b", self._changed)
        self._late = False
        self.connection = Connection(session, self.faults)
        self.answer = answer
        self.waits = False
        """Whether a client that ended its side still waits for an answer."""
        self.now = 0.0
        self.heard: dict[Side, list[tuple[float, bytes]]] = {C: [], S: []}
        self.ends: list[tuple[float, Side, How]] = []
        self.paused: set[Side] = set()
        self.copies: list[bytes] = []
        self.flows: list[Flow] = []
        for side in sides:
            self.opens(side)

    def opens(self, side: Side) -> Talk:
        """The socket of a side is connected."""
        self._do(self.connection.opened(side, self.now))
        return self

    def fault(self, text: str) -> Fault:
        """Begin a fault that is given without its target."""
        kind, _, rest = text.partition(" ")
        return self.plan.add(parse(f"{kind} a:b {rest}"), self.now)

    def heal(self) -> None:
        self.plan.heal(None, self.now)

    def says(self, side: Side, data: bytes) -> Talk:
        """Bytes come from a side: the direct way if that is open, as through the sockets."""
        if not self.connection.direct[side]:
            self._do(self.connection.received(side, data, self.now))
            if self._late:
                self._changed()
            return self
        flows = self.connection.session.observe(side, data, self.now)
        self.flows += flows
        self._write(side.other, data)
        return self

    def ends_from(self, side: Side) -> Talk:
        """A side sends its FIN."""
        self._do(self.connection.ended(side, self.now))
        return self

    def loses(self, side: Side, *, reset: bool = False) -> Talk:
        """The socket of a side is gone."""
        self._do(self.connection.lost(side, self.now, reset=reset))
        return self

    def presses(self, side: Side, full: bool) -> Talk:
        """The socket of a side takes no more for now, or does again."""
        self._do(self.connection.pressed(side, full, self.now))
        return self

    def wait(self, seconds: float) -> Talk:
        """Let time pass; what is due in it happens at its time."""
        until = self.now + seconds
        while (due := self.connection.due) is not None and due <= until:
            self.now = max(self.now, due)
            self._do(self.connection.passed(self.now))
        self.now = until
        return self

    def got(self, side: Side) -> bytes:
        """All that reached a side."""
        return b"".join(data for _, data in self.heard[side])

    def when(self, side: Side) -> float:
        """When the last bytes reached a side, in ms."""
        return round(self.heard[side][-1][0] * 1000, 3)

    def _changed(self) -> None:
        self._late = self.faults.striking
        if self._late:
            return
        change = self.faults.renew()
        self._do(self.connection.disturbed(change, self.now))
        for fault in change.cuts:
            self._do(self.connection.reset(fault.id, "", self.now))

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Write(to, data):
                    self._write(to, data)
                case Flow():
                    self.flows.append(action)
                case End(to, how):
                    self.ends.append((round(self.now, 6), to, how))
                case Read(side, wanted):
                    (self.paused.discard if wanted else self.paused.add)(side)
                case Probe():
                    if not self.waits:
                        self._do(self.connection.given_up(self.now))
                case Again(data):
                    self.copies.append(data)

    def _write(self, to: Side, data: bytes) -> None:
        self.heard[to].append((self.now, data))
        if to is S and self.answer is not None and (said := self.answer(data)):
            self.says(S, said)
