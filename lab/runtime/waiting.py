"""For whom a process waits before it starts, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.runtime.api import State
from lab.runtime.yard import Spec, Yard

if TYPE_CHECKING:
    from lab.runtime.process import ManagedProcess

TELLING = ("starting", "backoff", "stopped")
"""States whose reason says more than their name."""


def blockers(spec: Spec, yard: Yard) -> list[tuple[ManagedProcess, State]]:
    """The providers that keep it waiting, and how each of them is."""
    peers = [(yard.peers[name], wait) for name, wait in spec.needs]
    return [(peer, peer.state) for peer, wait in peers if not peer.serves(wait)]


def why(waiting_for: Sequence[tuple[ManagedProcess, State]], since: str = "") -> str:
    """`waiting for broker (since 2.1 s): port 20123 refuses connections`, or nothing."""
    if not waiting_for:
        return ""
    (first, state), *others = waiting_for
    reason = first.reason if first.reason and state in TELLING else state
    more = f"; then for {', '.join(other.spec.name for other, _ in others)}" if others else ""
    return f"waiting for {first.spec.name}{since}: {reason}{more}"
