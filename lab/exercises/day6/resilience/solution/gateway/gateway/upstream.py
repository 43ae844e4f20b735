"""Asking one service behind us: each call through its breaker, counted by its end, and a GET again where that helps.

From the outside in: retry, breaker, timeout, call. An open breaker ends the retry.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import anyio
import httpx
from prometheus_client import Counter, Gauge

from lab.chassis.settings import ServiceSettings
from lab.chassis.tls import AUTHORITIES

from .breaker import Breaker, CircuitOpen, Failure, State
from .telemetry import Dependency, request_id

log = logging.getLogger(__name__)

Kind = Literal["refused", "timeout", "5xx", "broken"]
"""How a call fails: no connection, no answer in time, a 5xx, or an answer that breaks off or cannot be read."""

FAILURES = Counter("dependency_failures_total", "Failed calls to services behind us", ["dependency", "kind"])
RETRIES = Counter("retries_total", "Calls that were made again", ["dependency"])
STATE = Gauge("breaker_state", "0 closed, 1 open, 2 half-open", ["name"])

PASSING = frozenset({429, 502, 503, 504})
"""Statuses of a trouble that is likely to pass. Any other answer would be the same the next time."""


@dataclass(frozen=True, kw_only=True)
class Knobs(ServiceSettings):
    """What the environment says of calls. `retry_attempts` counts the first one, too."""

    http_timeout_ms: int = 2000
    total_timeout_ms: int = 8000
    retry_attempts: int = 4
    retry_base_ms: int = 200
    retry_cap_ms: int = 3000
    breaker_failures: int = 5
    breaker_reset_ms: int = 2000


class Unavailable(Exception):
    """No answer that we can use."""


class Failed(Failure):
    """One call failed. `answer` is what came, if anything did."""

    def __init__(self, kind: Kind, answer: httpx.Response | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.answer = answer


class Upstream:
    """One service behind us, by its `name`. `patience` is in seconds, for one call and for all of them, if these are
    other than the environment says."""

    def __init__(self, name: str, base_url: str, knobs: Knobs, patience: float | None = None) -> None:
        self.name = name
        self.seen = Dependency(name)
        self._knobs = knobs
        self._timeout = patience or knobs.http_timeout_ms / 1000
        self._total = patience or knobs.total_timeout_ms / 1000
        self._client = httpx.AsyncClient(base_url=base_url, timeout=None, trust_env=False, verify=AUTHORITIES)
        self._breaker = Breaker(
            failures=knobs.breaker_failures, reset=knobs.breaker_reset_ms / 1000, probes=1, on_change=self._changed
        )
        STATE.labels(name).set(State.CLOSED)
        RETRIES.labels(name)  # 0 is a figure, too

    async def ask(self, method: str, path: str, json: Any = None, *, once: bool = False) -> httpx.Response:
        """The answer, one below 500. Raises Unavailable.

        Only a GET is made again: of a POST that failed nobody knows whether it was done.
        """
        attempts = self._knobs.retry_attempts if method == "GET" and not once else 1
        give_up_at = time.monotonic() + self._total
        for attempt in range(1, attempts + 1):
            answer, trouble = await self._attempt(method, path, json, give_up_at)
            if answer is not None and not trouble:
                return answer
            pause = max(self._pause(attempt), _retry_after(answer))
            passes = answer is None or answer.status_code in PASSING
            if attempt == attempts or not passes or time.monotonic() + pause >= give_up_at:
                break
            RETRIES.labels(self.name).inc()
            await asyncio.sleep(pause)
        if answer is not None and answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            return answer
        raise Unavailable(trouble)

    async def _attempt(self, method: str, path: str, json: Any, give_up_at: float) -> tuple[httpx.Response | None, str]:
        """The answer, if there is one, and what is the trouble with it. Raises Unavailable if the breaker is open."""
        try:
            answer = await self._breaker.call(lambda: self._call(method, path, json, give_up_at))
        except CircuitOpen:
            raise Unavailable("the breaker is open") from None
        except Failed as failure:
            return failure.answer, failure.kind
        # No failure of theirs: they are well, and have had enough of us.
        return answer, "busy" if answer.status_code == httpx.codes.TOO_MANY_REQUESTS else ""

    async def _call(self, method: str, path: str, json: Any, give_up_at: float) -> httpx.Response:
        try:
            answer = await self._fetch(method, path, json, give_up_at)
        except Failed as failure:
            FAILURES.labels(self.name, failure.kind).inc()
            self.seen.failed(failure.kind)
            raise
        self.seen.answered()  # a 4xx, too: a healthy service with bad news
        return answer

    async def _fetch(self, method: str, path: str, json: Any, give_up_at: float) -> httpx.Response:
        # One limit over the whole answer, as httpx bounds each read and a slow drip has many; and never beyond the end
        # of all attempts: a call that is cut off from outside would be counted nowhere.
        patience = min(self._timeout, give_up_at - time.monotonic())
        try:
            with anyio.fail_after(patience):
                answer = await self._client.request(method, path, json=json, headers={"X-Request-ID": request_id()})
        except TimeoutError:
            raise Failed("timeout") from None
        except httpx.ConnectError:
            raise Failed("refused") from None
        except httpx.RequestError:
            raise Failed("broken") from None
        if answer.is_server_error:
            raise Failed("5xx", answer)
        if answer.is_success and not _is_object(answer):
            raise Failed("broken")
        return answer

    def _pause(self, attempt: int) -> float:
        """How long to wait after this attempt: anything up to a step that doubles ("full jitter"). The cap comes before
        the dice, or everybody who has reached it comes back at the same moment."""
        step = self._knobs.retry_base_ms * 2 ** (attempt - 1)
        return random.uniform(0, min(self._knobs.retry_cap_ms, step)) / 1000

    def _changed(self, state: State) -> None:
        STATE.labels(self.name).set(state)
        level = logging.WARNING if state is State.OPEN else logging.INFO
        word = state.name.lower().replace("_", "-")
        log.log(level, "the breaker of %s is %s", self.name, word, extra={"event": "breaker", "state": word})

    async def close(self) -> None:
        await self._client.aclose()


def _is_object(answer: httpx.Response) -> bool:
    try:
        return isinstance(answer.json(), dict)
    except ValueError:
        return False


def _retry_after(answer: httpx.Response | None) -> float:
    """Seconds that upstream asks us to stay away: given as a number or as a date, 0 if it does not say."""
    text = answer.headers.get("Retry-After", "") if answer is not None else ""
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0
