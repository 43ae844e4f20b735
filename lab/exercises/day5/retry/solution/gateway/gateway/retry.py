"""Trying again: few times, further and further apart, at random moments, only where it helps, never for long.

Everything here is safe to repeat because it is a GET. A POST needs an Idempotency-Key first.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import anyio
import httpx

from gateway.budget import Budget

log = logging.getLogger(__name__)

PASSING = frozenset({429, 502, 503, 504})
"""Statuses of a trouble that is likely to pass. Any other answer would be the same the next time."""

DO_NOT_RETRY = {"X-Should-Retry": "false"}
"""What a layer says that has tried already: without it four attempts in each of two layers are sixteen calls."""


class GaveUp(Exception):
    """No answer worth passing on; the message says why."""


@dataclass(frozen=True)
class Policy:
    """`attempts` counts the first one, too. Times are in seconds; `total` bounds all attempts and pauses together."""

    attempts: int
    base: float
    cap: float
    per_attempt: float
    total: float

    def pause(self, attempt: int) -> float:
        """How long to wait after this attempt: anything up to a step that doubles ("full jitter").

        The cap comes before the dice. The other way round everybody who has reached the cap waits exactly as long as
        everybody else, and they all come back together.
        """
        return random.uniform(0, min(self.cap, self.base * 2 ** (attempt - 1)))


class Retrying:
    """Calls by a policy, all of them on one budget."""

    def __init__(self, policy: Policy, budget: Budget) -> None:
        self._policy = policy
        self._budget = budget

    async def call(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """The first answer that is no trouble, or else a last 429. Raises GaveUp."""
        self._budget.earn()
        try:
            with anyio.fail_after(self._policy.total):
                return await self._attempts(send)
        except TimeoutError:
            raise GaveUp(f"no answer within {self._policy.total:g} s") from None

    async def _attempts(self, send: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        give_up_at = time.monotonic() + self._policy.total
        attempt = 0
        while True:
            attempt += 1
            answer, trouble = await self._attempt(send)
            if answer is not None and not trouble:
                return answer
            pause = max(self._policy.pause(attempt), retry_after(answer))
            in_time = time.monotonic() + pause < give_up_at
            left = attempt < self._policy.attempts
            if not (worth_repeating(answer) and left and in_time and self._budget.spend()):
                break
            log.info("attempt %d: %s", attempt, trouble, extra={"event": "retry", "pause_ms": round(pause * 1000)})
            await asyncio.sleep(pause)
        log.warning("gave up after attempt %d: %s", attempt, trouble, extra={"event": "gave-up"})
        if answer is not None and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return answer
        raise GaveUp(f"{trouble}, attempt {attempt}")

    async def _attempt(self, send: Callable[[], Awaitable[httpx.Response]]) -> tuple[httpx.Response | None, str]:
        """The answer, if there is one, and what is the trouble with it in words; empty if it is a good one."""
        try:
            with anyio.fail_after(self._policy.per_attempt):  # httpx bounds each read, and a slow drip has many
                answer = await send()
        except TimeoutError:
            return None, f"no answer within {self._policy.per_attempt:g} s"
        except httpx.RequestError as error:
            return None, repr(error)
        status = answer.status_code
        return answer, f"status {status}" if status >= 500 or status in PASSING else ""


def worth_repeating(answer: httpx.Response | None) -> bool:
    """Whether the next attempt may end better. No answer at all (refused, reset, too late) is the classic case."""
    if answer is None:
        return True
    return answer.status_code in PASSING and answer.headers.get("X-Should-Retry", "").lower() != "false"


def retry_after(answer: httpx.Response | None) -> float:
    """Seconds that upstream asks us to stay away: given as a number or as a date, 0 if it does not say."""
    text = answer.headers.get("Retry-After", "") if answer is not None else ""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
