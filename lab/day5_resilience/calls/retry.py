"""Trying again: few times, further and further apart, at random moments, only where it helps, never for long."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_any,
    stop_before_delay,
    stop_never,
)
from tenacity.stop import stop_base

from lab.day5_resilience.calls.breaker import Failure
from lab.day5_resilience.calls.budget import Budget

T = TypeVar("T")


class Trouble(Failure):
    """A call that failed. `passing`: it may end better next time, after the seconds that the neighbour asks for."""

    def __init__(self, reason: str, *, passing: bool = True, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.passing = passing
        self.retry_after = retry_after


@dataclass(frozen=True, kw_only=True)
class Policy:
    """`attempts` counts the first one, too. Times are in seconds; `total` bounds all attempts and pauses together."""

    attempts: int = 1
    base: float = 0.05
    cap: float = 1.0
    total: float = 3.0
    jitter: bool = True

    def pause(self, state: RetryCallState) -> float:
        """How long to wait after this attempt: what the neighbour asks for, and anything up to a step that doubles
        (full jitter).

        The cap comes before the dice, or all who have reached it come back together; so would all who obey the same
        Retry-After to the second. tenacity's own `wait_exponential_jitter` rolls them before the cap, and knows no
        Retry-After.
        """
        step = min(self.cap, self.base * 2 ** (state.attempt_number - 1))
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after if isinstance(error, Trouble) else 0.0
        return asked + (random.uniform(0, step) if self.jitter else step)


class _Spent(stop_base):
    """Stops where the budget does not pay for one more."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget

    def __call__(self, retry_state: RetryCallState) -> bool:  # noqa: ARG002 - the shape that tenacity calls
        return not self._budget.spend()


def retrying(policy: Policy, budget: Budget | None, work: Callable[[], T]) -> T:
    """The result of `work`, tried again after a Trouble that may pass. Raises what the last attempt raised."""
    retrier = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, Trouble) and error.passing),
        wait=policy.pause,
        # Asked in this order: who may not try again anyway has nothing to pay.
        stop=stop_any(
            stop_after_attempt(policy.attempts),
            stop_before_delay(policy.total),
            _Spent(budget) if budget else stop_never,
        ),
        reraise=True,  # else the caller meets tenacity's RetryError
    )
    result = retrier(work)
    if budget is not None:
        budget.ended_well(int(retrier.statistics["attempt_number"]) - 1)
    return result
