"""Which instance of a replicated provider the next connection goes to: pure, time (seconds) is passed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.wire.session import Address

WARY = 1.0
"""Seconds for which an instance that refused a connection comes last."""


class Balancer:
    """In turn over the instances that are ready.

    `instances` gives where each one listens, by name, and `ready` says of one whether it serves. One that refuses a
    connection is passed over for a while; where none is ready all are tried, so that the caller hears the refusal.
    """

    def __init__(self, instances: Callable[[], Mapping[str, Address]], ready: Callable[[str], bool]) -> None:
        self._instances = instances
        self._ready = ready
        self._turn = 0
        self._refused: dict[str, float] = {}

    def order(self, now: float) -> list[tuple[str, Address]]:
        """Whom to try for the next connection, one after the other."""
        instances = list(self._instances().items())
        ready = [one for one in instances if self._ready(one[0])] or instances
        first = self._turn % len(ready)
        self._turn += 1
        turned = ready[first:] + ready[:first]
        return sorted(turned, key=lambda one: self._refused.get(one[0], float("-inf")) + WARY > now)

    def refused(self, name: str, now: float) -> None:
        """It did not take a connection."""
        self._refused[name] = now
