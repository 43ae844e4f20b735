"""What a connection decides, as data: what its sockets are to do, and the Flows that are to be journaled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lab.journal.event import Flow
from lab.wire.session import Again, Side

How = Literal["eof", "close", "reset"]
"""How a direction ends: its FIN alone, the whole socket closed, or an RST."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write `data` to the socket of `to`."""

    to: Side
    data: bytes


@dataclass(frozen=True, slots=True)
class End:
    """End the socket of `to` after what was written; a reset ends it at once."""

    to: Side
    how: How


@dataclass(frozen=True, slots=True)
class Read:
    """Read from the socket of `side` from now on, or read no more."""

    side: Side
    wanted: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """The client has sent its FIN and is waited for: call `given_up` if no program holds its socket any more."""


Action = Write | End | Read | Probe | Again | Flow
