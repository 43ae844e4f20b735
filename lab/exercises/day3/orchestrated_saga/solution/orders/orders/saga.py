"""The saga as plain data: what has been done for an order, and what comes next. No clock, no network, no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

STEPS = ("reserve", "charge", "confirm", "notify")
PIVOT = "confirm"
"""Behind it nothing is undone: what is left to do is done sooner or later."""
UNDONE_BY: Mapping[str, str] = {"reserve": "release", "charge": "refund"}
"""The compensation of each step that has one."""

State = Literal["running", "compensating", "completed", "compensated"]
Status = Literal["pending", "begun", "done", "refused", "undone"]
"""`begun`: asked for, and nobody knows what came of it."""


@dataclass(frozen=True)
class Saga:
    state: State = "running"
    statuses: tuple[Status, ...] = ("pending",) * len(STEPS)
    reason: str = ""

    def status(self, step: str) -> Status:
        return self.statuses[STEPS.index(step)]

    @property
    def passed_the_pivot(self) -> bool:
        return self.status(PIVOT) == "done"

    @property
    def next(self) -> str | None:
        """What is to be asked for now: a step, or a compensation; None at the end. Compensations go from the last step
        to the first, and undo what was begun as well as what was done: no answer is not a no."""
        if self.state == "running":
            return next(step for step in STEPS if self.status(step) in ("pending", "begun"))
        if self.state == "compensating":
            return UNDONE_BY[self._to_undo[0]]
        return None

    def begun(self, action: str) -> Saga:
        """Asked for, or about to be: to be written down before the call, so that a crash is no excuse."""
        return self._with(action, "begun") if action in STEPS else self

    def done(self, action: str) -> Saga:
        if action not in STEPS:
            undone = next(step for step, undoing in UNDONE_BY.items() if undoing == action)
            return self._with(undone, "undone")._ended()
        saga = self._with(action, "done")
        return replace(saga, state="completed") if action == STEPS[-1] else saga

    def refused(self, action: str, reason: str) -> Saga:
        """The neighbour said no. Behind the pivot that is noted and undoes nothing."""
        saga = self._with(action, "refused")
        return replace(saga, state="completed") if self.passed_the_pivot else saga.given_up(reason)

    def given_up(self, reason: str) -> Saga:
        """Turn round."""
        return replace(self, state="compensating", reason=reason)._ended()

    @property
    def _to_undo(self) -> list[str]:
        return [step for step in reversed(STEPS) if step in UNDONE_BY and self.status(step) in ("begun", "done")]

    def _ended(self) -> Saga:
        return self if self._to_undo else replace(self, state="compensated")

    def _with(self, step: str, status: Status) -> Saga:
        place = STEPS.index(step)
        return replace(self, statuses=(*self.statuses[:place], status, *self.statuses[place + 1 :]))
