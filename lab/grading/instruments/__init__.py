"""The instruments with which checks look into an engine, past every tap: one for each kind whose record names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from lab.journal.event import Flow


class Instrument(Protocol):
    """Looks into one engine."""

    def start_over(self) -> None:
        """Empty the engine of what a check left in it."""

    def close(self) -> None: ...


Opener = Callable[[str, Callable[[], Iterable[Flow]], Callable[[], None]], Instrument]
"""opener(url, flows, restart): `flows` gives what passed the taps in this check, `restart` returns when the engine is
there again. An EngineKind's `instrument` names one."""
