"""Dialogues with a session, without sockets: bytes in, flows and bytes out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

from hypothesis import strategies as st

from lab.faults.fault import Fault
from lab.faults.plan import Plan
from lab.faults.text import parse
from lab.journal.event import Flow
from lab.wire.session import Again, Effect, GiveUp, Late, Seen, Send, Session, Side, Strike, Undecodable

C, S = Side.CLIENT, Side.SERVER

Said = tuple[Side, bytes]


def nothing(_kinds: Collection[str], _op: str) -> Fault | None:
    """A plan without faults."""
    return None


def striking(*texts: str) -> Strike:
    """A plan with these faults on `a->b`, given without their target."""
    plan = Plan(1)
    for text in texts:
        kind, _, rest = text.partition(" ")
        plan.add(parse(f"{kind} a:b {rest}"), 0.0)
    return lambda kinds, op: plan.strike("a->b", kinds, op, 0.0)


def observed(session: Session, said: Iterable[Said]) -> list[Flow]:
    """What the session sees in a conversation; one step of the clock a turn."""
    return [flow for now, (side, data) in enumerate(said) for flow in session.observe(side, data, float(now))]


def left(send: Send) -> bytes:
    """The bytes, as they leave now."""
    return send.data.make() if isinstance(send.data, Late) else send.data


class Dialogue:
    """A session that intercepts: `says` feeds it, `to` holds what went out to each side."""

    def __init__(self, session: Session, strike: Strike = nothing) -> None:
        self.session = session
        self.strike = strike
        self.effects: list[Effect] = []
        self.to: dict[Side, bytes] = {C: b"", S: b""}
        self.now = 0.0

    def says(self, side: Side, data: bytes) -> Dialogue:
        self.now += 1.0
        self.apply(self.session.intercept(side, data, self.now, self.strike))
        return self

    def apply(self, effects: Sequence[Effect]) -> None:
        self.effects += effects
        for effect in effects:
            if isinstance(effect, Send):
                self.to[effect.to] += left(effect)

    @property
    def flows(self) -> list[Flow]:
        return [effect.flow for effect in self.effects if isinstance(effect, Seen)]

    @property
    def gave_up(self) -> str:
        return next((effect.reason for effect in self.effects if isinstance(effect, GiveUp)), "")

    @property
    def copies(self) -> list[bytes]:
        return [effect.data for effect in self.effects if isinstance(effect, Again)]


@st.composite
def splits(draw: st.DrawFn, said: Sequence[Said]) -> list[Said]:
    """The same conversation in other pieces."""
    pieces: list[Said] = []
    for side, data in said:
        cuts = sorted(draw(st.sets(st.integers(1, max(1, len(data) - 1)), max_size=8)))
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            if data[start:end]:
                pieces.append((side, data[start:end]))
    return pieces


def seen(flows: Iterable[Flow]) -> list[tuple[object, ...]]:
    """What must not depend on how the bytes came: all but times."""
    return [(f.op, f.status, f.outcome, f.bytes, f.key, f.hit, f.ttl, f.correlation, f.detail) for f in flows]


def check_garbage(make: Callable[[], Session], pieces: Sequence[Said]) -> None:
    """Whatever comes, an intercepting session without faults gives every byte out again, in order."""
    dialogue = Dialogue(make())
    sent = {C: b"", S: b""}
    for side, data in pieces:
        sent[side.other] += data
        dialogue.says(side, data)
        if dialogue.gave_up:
            break
    dialogue.apply(dialogue.session.release())
    assert dialogue.to == sent
    session = make()
    try:
        observed(session, pieces)
        session.closed(S, 99.0)
    except Undecodable:
        pass


garbage = st.lists(st.tuples(st.sampled_from([C, S]), st.binary(min_size=1, max_size=200)), max_size=12)
