"""What a grading reports while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from lab.grading.model import Finding, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step: a build, the start of the system, a check that begins, what it waits for, its verdict,
    the end of the system; then perhaps a search for the fewest faults.

    `seconds` is how long has been waited so far.
    """

    kind: Literal["build", "start", "check", "waiting", "verdict", "end", "search"]
    behaviour: str = ""
    text: str = ""
    says: Text = field(default_factory=dict)
    """Of a check that begins: what it proves."""
    seconds: float = 0.0
    finding: Finding | None = None


Watcher = Callable[[Stage], None]
