"""A revenue forecast by resampling: honest work that keeps a processor busy for a second or two."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

SAMPLE = 200
"""Orders that a coming week is made of."""


def forecast(amounts: Sequence[int], rounds: int) -> tuple[int, int]:
    """What nine of ten weeks of SAMPLE orders like these bring in: the low end and the high end.

    Pure Python, so it holds the interpreter: whatever else the process should answer meanwhile gets its turn in slices
    of a few milliseconds. In a thread of its own it is no less in the way, only in a process of its own.
    """
    if not amounts:
        return 0, 0
    draw = Random(len(amounts)).choices
    weeks = sorted(sum(draw(amounts, k=SAMPLE)) for _ in range(rounds))
    return weeks[rounds // 20], weeks[-1 - rounds // 20]
