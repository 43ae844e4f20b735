"""What looks after a broker's queues, whichever broker it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from lab.journal.event import Flow, Queue


class QueueWatch(Protocol):
    """Asks one broker how deep its queues are; made with its URL, and with what gets the queues by name whenever they
    have changed."""

    def __init__(self, url: str, told: Callable[[dict[str, Queue]], None]) -> None: ...

    def learn(self, flow: Flow) -> None:
        """This was seen on a link to the broker: it may name a queue."""

    async def watch(self) -> None:
        """Ask for ever. A broker that is away, frozen or slow is asked again later."""
