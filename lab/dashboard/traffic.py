"""Traffic: the dots that move along the wires of the map.

Every dot is a message that was really seen, but not every message gets a dot: a wire shows about as many at once as
the logarithm of its rate, so that one message a second and a thousand a second can both be watched. A failure
gets a dot before a success.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log2

from lab.dashboard import glyphs
from lab.journal.event import FAILED, TRAFFIC, Flow
from lab.journal.picture.link import LinkPicture

TRAVEL = 1.0
"""Seconds that a dot takes from end to end."""

MOST = 6
"""Dots on a wire at once, each way."""

TROUBLE_EVERY = 0.25
"""Seconds between two dots for what went wrong on one wire."""


@dataclass(slots=True)
class Dot:
    """`back` is against the link's direction (a delivery, an error that comes back)."""

    born: float
    back: bool
    outcome: str


class Traffic:
    """`see` the flows of each flush, then ask for the `dots`. `now` is the clock of the screen, not of the run."""

    def __init__(self) -> None:
        self._dots: dict[str, list[Dot]] = {}
        self._next: dict[tuple[str, bool, bool], float] = {}

    def see(self, flows: Iterable[Flow], links: Mapping[str, LinkPicture], run_now: float, now: float) -> None:
        pauses = {name: TRAVEL / shown(link.rate(run_now)) for name, link in links.items()}
        ready = self._next
        for flow in flows:
            bad = flow.outcome in FAILED
            if not bad and flow.role not in TRAFFIC:
                continue
            key = (flow.link, flow.back, bad)
            if ready.get(key, 0.0) > now:
                continue
            ready[key] = now + (TROUBLE_EVERY if bad else pauses.get(flow.link, TRAVEL))
            self._dots.setdefault(flow.link, []).append(Dot(now, flow.back or flow.outcome == "error", flow.outcome))

    def dots(self, link: str, now: float) -> list[tuple[float, str, str]]:
        """(place from 0 at the consumer to 1 at the provider, glyph, style) of each dot on the link."""
        moving = [dot for dot in self._dots.get(link, ()) if now - dot.born < TRAVEL]
        if link in self._dots:
            self._dots[link] = moving
        return [_draw(dot, (now - dot.born) / TRAVEL) for dot in moving]

    def clear(self) -> None:
        self._dots.clear()
        self._next.clear()


def shown(rate: float) -> float:
    """How many dots a wire of this rate shows at once."""
    return max(1.0, min(float(MOST), 1 + log2(1 + max(0.0, rate)) / 2))


def _draw(dot: Dot, way: float) -> tuple[float, str, str]:
    if dot.outcome == "lost":
        # It starts, and half-way it is gone.
        glyph, style = (glyphs.DOT, "warn") if way < 0.5 else (glyphs.CUT, "bad")
        way = min(way, 0.5)
    elif dot.outcome == "refused":
        glyph, style, way = glyphs.CUT, "bad", 0.98
    elif dot.outcome == "error":
        glyph, style = glyphs.CUT, "bad"
    elif dot.outcome == "duplicate":
        glyph, style = glyphs.TWICE, "warn"
    elif dot.outcome == "late":
        glyph, style = glyphs.SLOW, "warn"
    else:
        glyph, style = glyphs.DOT, "accent"
    return (1 - way if dot.back else way), glyph, style
