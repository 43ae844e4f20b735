"""A step of the load: `lab load up` and the dashboard's `+` double it, `down` and `-` halve it."""

from __future__ import annotations

from typing import Literal

LOWEST, HIGHEST = 1.0, 2000.0
"""Journeys a second to which steps lead; less and more are asked for by number."""


def step(rate: float, to: Literal["up", "down"]) -> float:
    """The rate after a step, in journeys a second."""
    if to == "up":
        return max(rate, min(HIGHEST, max(LOWEST, rate * 2)))
    return min(rate, max(LOWEST, rate / 2))
