"""For whom a process waits before it starts, and how that is said."""

from __future__ import annotations

from collections.abc import Sequence

from lab.locale import tr
from lab.runtime.api import State
from lab.runtime.surroundings import Peer, Spec, Surroundings

TELLING = ("starting", "backoff", "stopped")
"""States whose reason says more than their name."""


def blockers(spec: Spec, around: Surroundings) -> list[tuple[Peer, State]]:
    """The providers that keep it waiting, and how each of them is. An instance that was scaled away is missed by
    nobody."""
    peers = [(around.peers[name], wait) for name, wait in spec.needs if name in around.peers]
    return [(peer, peer.state) for peer, wait in peers if not peer.serves(wait)]


def why(waiting_for: Sequence[tuple[Peer, State]], since: str = "") -> str:
    """`waiting for broker (since 2.1 s): port 20123 refuses connections`, or nothing."""
    if not waiting_for:
        return ""
    (first, state), *others = waiting_for
    reason = first.reason if first.reason and state in TELLING else tr(state)
    more = tr("; then for {others}", others=", ".join(other.spec.name for other, _ in others)) if others else ""
    return tr("waiting for {name}{since}: {reason}{more}", name=first.spec.name, since=since, reason=reason, more=more)
