"""Sample: which of many flows a person gets to see as they go by.

Hundreds of lines a second are a blur. So the live list shows a few, says how many it left out, and picks whole
stories: the flows of one correlation id from its first to its last. What went wrong comes before what went well.
Nothing is lost: pausing shows every flow.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable

from lab.journal.event import Flow
from lab.journal.measure import Meter
from lab.journal.state import ANSWERS, FAILED

LINES_PER_SECOND = 10.0
BURST = 14.0
START_ABOVE = BURST - 1
"""More lines than this must be saved up before another story is begun, so that there is room for its end."""

FOLLOW_FOR = 4.0
"""Seconds for which a story is followed after its last flow."""


class Sample:
    """`take` every flow; `lines` holds those to show, newest last."""

    def __init__(self, keep: int = 400) -> None:
        self.lines: deque[Flow] = deque(maxlen=keep)
        self._followed: OrderedDict[str, float] = OrderedDict()
        self._saved = BURST
        self._t = 0.0
        self._left_out = Meter()

    def take(self, flows: Iterable[Flow]) -> None:
        for flow in flows:
            if flow.t > self._t:
                self._saved = min(BURST, self._saved + (flow.t - self._t) * LINES_PER_SECOND)
                self._t = flow.t
            if self._wanted(flow):
                self._saved -= 1
                self.lines.append(flow)
            else:
                self._left_out.add(flow.t)

    def left_out(self, now: float) -> float:
        """Flows a second that were not shown lately."""
        return self._left_out.rate(now)

    def clear(self) -> None:
        self.lines.clear()
        self._followed.clear()
        self._saved, self._t = BURST, 0.0
        self._left_out = Meter()

    def _wanted(self, flow: Flow) -> bool:
        story = flow.correlation
        if story and story in self._followed:
            self._followed[story] = flow.t
            return self._saved > -BURST
        bad = flow.outcome != "ok" or flow.outcome in FAILED or bool(flow.faults) or flow.redelivered
        if bad:
            return self._saved > -BURST / 2
        if flow.protocol == "amqp" and flow.op.partition(" ")[0] in ANSWERS:
            return self._saved > START_ABOVE
        if self._saved <= START_ABOVE:
            return False
        if story:
            self._follow(story, flow.t)
        return True

    def _follow(self, story: str, t: float) -> None:
        self._followed[story] = t
        while self._followed:
            oldest, last = next(iter(self._followed.items()))
            if t - last <= FOLLOW_FOR and len(self._followed) <= 64:
                return
            del self._followed[oldest]
