"""How a run ended, read from its journal: cleanly, with a failure, or without a last entry because it was killed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.journal.event import Event, Note
from lab.journal.query import decode


@dataclass(frozen=True, slots=True)
class Ending:
    """The last `state` that the run reported of itself (`stopped` and `failed` are ends; "" means none), the runtime's
    `reason` if it failed, and how many events were `lost` because they could not be written."""

    state: str = ""
    reason: str = ""
    lost: int = 0


def ending(events: Iterable[Event]) -> Ending:
    """How the run of these events ended, or in which state it is."""
    state, why, lost = "", "", 0
    for event in events:
        if not isinstance(event, Note) or event.topic != "run":
            continue
        lost += int(event.data.get("lost", 0))
        if "state" not in event.data:
            continue
        state = str(event.data["state"])
        if state == "failed":
            # A failure is reported when it happens; the last line only repeats why the run was stopped then.
            why = event.text if event.level == "error" else why or str(event.data.get("reason", ""))
    return Ending(state, why if state == "failed" else "", lost)


def read(path: Path) -> Ending:
    """How the run of this journal ended. A journal that cannot be read has no last state."""
    try:
        with path.open("rb") as file:
            # Notes are rare among the flows, so most lines need no decoding.
            return ending(decode(line for line in file if b'"note"' in line))
    except OSError:
        return Ending()
