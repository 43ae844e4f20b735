"""Sample: which of many flows a person gets to see as they go by.

Hundreds of lines a second are a blur. So the live list shows a few, says how many it left out, and picks whole
stories: the flows of one correlation id from its first to its last. What went wrong comes before what went well.
Nothing is lost: pausing shows every flow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from lab.journal.event import Flow
from lab.journal.measure import Meter

LINES_PER_SECOND = 10.0
BURST = 14.0
START_ABOVE = BURST - 1
"""More lines than this must be saved up before another story is begun, so that there is room for its end."""

FOLLOW_FOR = 4.0
"""Seconds of silence after which a correlation id that is heard again is a new story."""

MEMORY = 5_000
"""Correlation ids remembered."""


class Sample:
    """`take` every flow; `lines` holds those to show, newest last."""

    def __init__(self, keep: int = 400) -> None:
        self.lines: deque[Flow] = deque(maxlen=keep)
        self._stories: dict[str, tuple[float, bool]] = {}
        """By correlation id, oldest first: when it was last heard of, and whether it is shown."""
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
        self._stories.clear()
        self._saved, self._t = BURST, 0.0
        self._left_out = Meter()

    def _wanted(self, flow: Flow) -> bool:
        story = flow.correlation
        if story:
            last, followed = self._stories.pop(story, (-FOLLOW_FOR, False))
            new = flow.t - last >= FOLLOW_FOR
            followed = self._saved > START_ABOVE if new else followed
            self._remember(story, flow.t, followed)
            if followed:
                return self._saved > -BURST
        if flow.outcome != "ok" or flow.faults or flow.redelivered:
            return self._saved > -BURST / 2
        return not story and self._saved > START_ABOVE

    def _remember(self, story: str, t: float, followed: bool) -> None:
        """A story that was not followed from its first flow is not taken up in its middle."""
        self._stories[story] = (t, followed)
        if len(self._stories) > MEMORY:
            del self._stories[next(iter(self._stories))]
