"""A service of the learner's that hears no event, where ours does: nothing fails, and what waits there only waits."""

from __future__ import annotations

from lab.journal.event import Flow
from lab.system.model import System

PATIENCE = 5.0
"""Seconds after the system became ready in which a service should have said what it wants to hear."""


class Deaf:
    """Sees all flows, and knows who has neither bound a queue nor asked for messages."""

    def __init__(self, system: System) -> None:
        self._of = {name: one.name for one in system.services if one.hears for name in one.instances}
        self._deaf = set(self._of.values())

    def see(self, flow: Flow) -> None:
        """Take in what may be a service that wants to hear."""
        if flow.role == "subscribe" or (flow.role == "setup" and flow.op.partition(" ")[0] == "bind"):
            self._deaf.discard(self._of.get(flow.source, ""))

    @property
    def services(self) -> list[str]:
        """Those of which no instance wants to hear anything so far."""
        return sorted(self._deaf)
