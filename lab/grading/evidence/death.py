"""How a process ended, according to its events."""

from __future__ import annotations

from lab.journal.event import Event, Process


def by_itself(event: Event) -> bool:
    """Whether a process changed its state by itself, and not because somebody wanted it to end."""
    return isinstance(event, Process) and not event.asked


def broke(event: Event) -> bool:
    """Whether a process broke: it ended by itself, and not well."""
    return isinstance(event, Process) and by_itself(event) and event.code not in (None, 0)
