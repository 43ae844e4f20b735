"""What there is to measure of lamps."""

from __future__ import annotations

from lab.journal.window import Window


def lit(seen: Window) -> float:
    """How often a lamp was lit."""
    return sum("is lit" in line.message for line in seen.logs())


def how(seen: Window) -> str:
    """Whether lamps are lit dimly or brightly."""
    return "dimly" if any("dimly" in line.message for line in seen.logs()) else "brightly"
