"""Breakers that tell of their changes: in a line, and in what is counted."""

from __future__ import annotations

import logging

from lab.day6_integration.calls import metrics
from lab.day6_integration.calls.breaker import Breaker, State

RESET = 2.0
"""Seconds that a breaker is open: about as long as a neighbour needs to start."""
_CODES: dict[State, int] = {"closed": 0, "open": 1, "half-open": 2}

log = logging.getLogger(__name__)


def breaker(name: str) -> Breaker:
    """A breaker for the calls of `name`. It judges by fewer calls than Friday's: a gateway spreads its visitors over
    several neighbours, and each has fewer of them."""

    def changed(state: State) -> None:
        metrics.STATE.labels(name).set(_CODES[state])
        metrics.TRANSITIONS.labels(name, state).inc()
        level = logging.INFO if state == "closed" else logging.WARNING
        line = {"event": "breaker", "name": name, "state": state, "seconds": RESET}
        log.log(level, "the breaker of %s is %s", name, state, extra={"fields": line})

    return Breaker(changed, window=8, failing=0.5, reset=RESET)
