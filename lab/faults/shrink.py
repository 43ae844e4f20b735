"""Delta debugging (ddmin, Zeller and Hildebrandt 2002): the fewest of some items with which something still fails.

Pure: who asks makes the tries, as many of them at the same time as it likes.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")
Some = tuple[T, ...]
Shrinking = Generator[list[Some[T]], Some[T] | None, Some[T]]
"""Yields candidates; is sent the first of them that still fails, or None; returns the fewest items."""


def shrinking(items: Sequence[T]) -> Shrinking[T]:
    """Shrink `items`, with which it fails. None of those that are returned can be left out alone.

    The first candidates are no items at all and each half. What was tried is not asked for again.
    """
    places = tuple(range(len(items)))
    parts = min(2, len(places))
    passed: set[tuple[int, ...]] = set()

    def named(chosen: Sequence[int]) -> Some[T]:
        return tuple(items[place] for place in chosen)

    while places:
        candidates = [one for one in _candidates(places, parts) if one not in passed]
        failing = (yield [named(one) for one in candidates]) if candidates else None
        if failing is None:
            passed |= set(candidates)
            if parts >= len(places):
                break
            parts = min(len(places), 2 * parts)
            continue
        known = next(number for number, one in enumerate(candidates) if named(one) == failing)
        passed |= set(candidates[:known])
        before, places = places, candidates[known]
        # Of a part the halves are next; of all but a part the other parts, which are as small as they were.
        parts = 2 if 2 * len(places) <= len(before) else max(2, parts - 1)
        parts = min(parts, len(places))
    return named(places)


def _candidates(places: tuple[int, ...], parts: int) -> Iterator[tuple[int, ...]]:
    """None at all, each part alone, then all but one part."""
    yield ()
    bounds = [len(places) * number // parts for number in range(parts + 1)]
    cut = [places[low:high] for low, high in pairwise(bounds)]
    if parts > 1:
        yield from cut
    if parts > 2:
        for part in cut:
            yield tuple(place for place in places if place not in part)
