"""What a protocol's decoder is to the tap: a sans-IO session over one connection. Bytes and time in, effects out.

The tap runs a session in one of two modes.

*Observing* (no content fault on the link): the tap has already forwarded the bytes; the session only looks at copies
and returns Flows. It can neither lose nor change a byte.

*Intercepting* (a content fault is active on the link, or units are still held back): the tap forwards nothing by
itself; what the session returns as `Send` effects is what goes out. A session starts to intercept at the next message
boundary: the rest of a message that is half forwarded is sent on as it comes. Once the faults are gone the session
lets go at the next boundary, with nothing held.

Nothing is lost when a session fails. Bytes that turn out not to be the protocol are given out as `Send` with a
`GiveUp` at the end; should `intercept` raise all the same, the tap sends what `release` returns and goes on raw, so a
session puts new bytes where `release` finds them before it looks at them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

from lab.faults.fault import Fault
from lab.journal.event import Flow

Address = tuple[str, int]

Door = Callable[[Address], Address]
"""door(address) -> where a tap's clients reach the provider that has this address: on the tap itself or, if that is
another provider than the tap's, on a port that the tap opens for it."""


class Side(Enum):
    """Who sent the bytes: the consumer (`CLIENT`) or the provider (`SERVER`)."""

    CLIENT = "client"
    SERVER = "server"

    @property
    def other(self) -> Side:
        return Side.SERVER if self is Side.CLIENT else Side.CLIENT


Stream = int | None
"""A stream of a multiplexed protocol (an HTTP/2 call), by its number; None is the connection itself."""


@dataclass(frozen=True, slots=True)
class Late:
    """About `size` bytes that `make` makes when they leave, because what they say depends on what left before."""

    size: int
    make: Callable[[], bytes]

    def __len__(self) -> int:
        return self.size


Data = bytes | Late


@dataclass(frozen=True, slots=True)
class Send:
    """Write `data` towards `to`, not before `delay` seconds from now and no faster than `rate` bytes a second (None:
    as fast as it goes). Order on each side is kept; of bytes with a `stream`, only among those of that stream and
    behind what was sent without one before. Such bytes must be whole frames: others may come between two Sends.
    """

    to: Side
    data: Data
    delay: float = 0.0
    rate: float | None = None
    stream: Stream = None


@dataclass(frozen=True, slots=True)
class Again:
    """Send `data` to the provider on a connection of its own and discard the answer (a duplicated request). That
    exchange is journaled as `duplicate` with these `faults`."""

    data: bytes
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reset:
    """Cut the connection on both sides with an RST; `fault` is the id of the fault that did it.

    With a `stream`: what waits on that stream, either way, is dropped, and the flows with it are errors of the fault.
    What tells both sides of it (HTTP/2's RST_STREAM) is the session's own to Send after this.
    """

    fault: str = ""
    stream: Stream = None


@dataclass(frozen=True, slots=True)
class Stall:
    """From here on nothing passes on this connection (or on this stream of it), either way, until the fault heals; what
    follows in the same list waits too, and then flows on."""

    fault: str
    stream: Stream = None


@dataclass(frozen=True, slots=True)
class Mute:
    """From here on whatever the provider says on this connection is lost. When the fault heals the connection is reset,
    because a stream with a hole in it cannot go on."""

    fault: str


@dataclass(frozen=True, slots=True)
class Close:
    """Close the connection on both sides after what was sent is written."""


@dataclass(frozen=True, slots=True)
class Wake:
    """Call `intercept` again with no bytes `delay` seconds from now: something must not be held longer than that."""

    delay: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A Flow for the journal. After a Send that waits, it is journaled when that leaves, its `ms` the longer for it."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The bytes are not this protocol (any more). All that was held was given out before this; the tap goes on raw."""

    reason: str


Effect = Send | Again | Reset | Stall | Mute | Close | Wake | Seen | GiveUp

Strike = Callable[[Collection[str], str], Fault | None]
"""strike(kinds, op) -> the fault of one of these kinds that hits a message with this op now, or None. Asking is
hitting: the draw is made and the victim is counted and journaled. So ask once for each message, and only for what is
then done. Chance in its parameters is drawn too: the `delay` of a latency with jitter is the one for this message."""


class Undecodable(Exception):
    """The bytes are not this protocol (any more); the tap marks the connection `undecoded (reason)` and goes on raw."""


@runtime_checkable
class Exchanges(Protocol):
    """A session of exchanges that stand alone: what comes next may go over another connection to another instance."""

    def between(self) -> bool:
        """Whether nothing is under way: all that was asked is answered, and neither side said that the connection ends
        after it."""

    def held(self) -> bool:
        """See Session."""


class Session(Protocol):
    """One connection's protocol state."""

    rewrites: bool
    """Whether it changes bytes without any fault, too: addresses that a provider advertises become the tap's, so that
    the client stays on it. Such a session is made with the tap's `Door`, always intercepts, and does not give back
    with `release` what it must still change. Any other is made with nothing."""

    def observe(self, side: Side, data: bytes, now: float) -> Sequence[Flow]:
        """Look at bytes that were forwarded already. Raises Undecodable (or anything: the tap treats it alike)."""

    def intercept(self, side: Side, data: bytes, now: float, strike: Strike) -> Sequence[Effect]:
        """Decide about bytes that were not forwarded. All of them come out again as Send, unless a fault took them."""

    def held(self) -> bool:
        """Whether bytes or promises (an ack to swallow later) are held, so that interception must go on."""

    def release(self) -> Sequence[Effect]:
        """A fault on this link was healed or ran out of time: give back what is held, in order, as Send effects. Not
        called when a fault ends because its count is spent: what it began is then carried through."""

    def closed(self, side: Side, now: float) -> Sequence[Flow]:
        """The conversation is over, and `side` ended it (EOF or reset): Flows for what never got an answer. Called once
        at most; `observe` may still be called with what the other side says after."""
