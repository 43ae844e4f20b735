"""Which answers were stale: services say in their lines which version of a thing they showed, and which they promised.

    {"event": "written", "entity": "product", "id": "7", "version": 3}
    {"event": "read", "entity": "product", "id": "7", "version": 2, "ms": 1.5, "cache": "hit"}

A read is stale if it began after somebody was told that there is a newer version. Whoever reads while a write is under
way may see either.
"""

from __future__ import annotations

from lab.journal.event import Event, Log

Thing = tuple[str, str]
"""An entity and an id."""


class Staleness:
    """Take every event, in order."""

    def __init__(self) -> None:
        self._written: dict[Thing, tuple[int, float]] = {}

    def stale(self, event: Event) -> bool:
        """Whether this is the line of a stale answer."""
        if not isinstance(event, Log) or event.event not in ("written", "read"):
            return False
        thing, version = thing_of(event), event.data.get("version")
        if not isinstance(version, int):
            return False
        newest, told = self._written.get(thing, (0, 0.0))
        if event.event == "read":
            return version < newest and event.t - event.number("ms") / 1000 > told
        if version > newest:
            self._written[thing] = version, event.t
        return False

    def copy(self) -> Staleness:
        other = Staleness()
        other._written = dict(self._written)
        return other


def thing_of(line: Log) -> Thing:
    """What a line is about."""
    return str(line.data.get("entity", "")), str(line.data.get("id", ""))
