"""Sample: which of many flows a person gets to see as they go by.

Hundreds of lines a second are a blur. So the live list shows what can be read and says how much it hides. Nothing is
hidden while there is room. Where there is not, whole stories are shown: the flows of one correlation id from its first
to its last. A story on a link that is seldom shown is preferred, so that a chatty link does not drown the others, and
what went wrong comes before what went well. Pausing shows every flow.
"""

from __future__ import annotations

from collections import deque
from copy import copy

from lab.dashboard.flow_filter import Test
from lab.journal.event import Flow
from lab.journal.measure import Meter

LINES_PER_SECOND = 10.0
ROOM = 80.0
"""Lines that may come at once after a quiet time: more than a list has rows, so none is free while flows are hidden."""

RESERVE = 14.0
"""Lines kept back for the ends of the stories that have begun. A link that is seldom shown may use them up."""

FOLLOW_FOR = 4.0
"""Seconds of silence after which a correlation id that is heard again is a new story."""

STORIES = 2_000
"""Correlation ids remembered."""

FADING = 0.9
"""What each further line leaves of the weight of those before it, when it is asked which links were shown lately."""


class Sample:
    """`take` every flow; `lines` holds those to show, newest last. Only flows that are `wanted` count."""

    def __init__(self, wanted: Test | None = None, keep: int = 400) -> None:
        self.lines: deque[Flow] = deque(maxlen=keep)
        self._wanted = wanted
        self._stories: dict[str, tuple[float, str]] = {}
        """By correlation id, oldest first: when it was last heard of, and the link it began on if it is shown."""
        self._room = ROOM
        self._t = 0.0
        self._shares: dict[str, float] = {}
        """The weight of each link in what was shown lately, by where the stories began. They add up to 1 at most."""
        self._hidden: dict[str, Meter] = {}

    def take(self, flow: Flow) -> None:
        if self._wanted is not None and not self._wanted(flow):
            return
        if flow.t > self._t:
            self._room = min(ROOM, self._room + (flow.t - self._t) * LINES_PER_SECOND)
            self._t = flow.t
        if self._shown(flow):
            self._room -= 1
            self.lines.append(flow)
        else:
            self._hidden.setdefault(flow.link, Meter()).add(flow.t)

    def hidden(self, now: float) -> tuple[float, str]:
        """How many flows a second were hidden lately, and the link of most of them if one has more than half."""
        rates = {link: meter.rate(now) for link, meter in self._hidden.items()}
        total = sum(rates.values())
        most = max(rates, key=lambda link: rates[link], default="")
        return total, most if most and rates[most] > total / 2 else ""

    def copy(self) -> Sample:
        other = copy(self)
        other.lines = self.lines.copy()
        other._stories = dict(self._stories)
        other._shares = dict(self._shares)
        other._hidden = {link: meter.copy() for link, meter in self._hidden.items()}
        return other

    def _shown(self, flow: Flow) -> bool:
        story, began = flow.correlation, ""
        if story:
            last, began = self._stories.pop(story, (-FOLLOW_FOR, ""))
            if flow.t - last >= FOLLOW_FOR:
                began = flow.link if self._may_begin(flow.link) else ""
            # A story that is not shown from its first flow is not taken up in its middle.
            self._remember(story, flow.t, began)
        elif self._may_begin(flow.link):
            began = flow.link
        if began:
            self._weigh(began)
            return self._room > -RESERVE
        return self._room > -RESERVE / 2 and (flow.outcome != "ok" or bool(flow.faults) or flow.redelivered)

    def _may_begin(self, link: str) -> bool:
        return self._room > 1 + RESERVE * self._shares.get(link, 0.0)

    def _weigh(self, link: str) -> None:
        for other in self._shares:
            self._shares[other] *= FADING
        self._shares[link] = self._shares.get(link, 0.0) + 1 - FADING

    def _remember(self, story: str, t: float, began: str) -> None:
        self._stories[story] = (t, began)
        if len(self._stories) > STORIES:
            del self._stories[next(iter(self._stories))]
