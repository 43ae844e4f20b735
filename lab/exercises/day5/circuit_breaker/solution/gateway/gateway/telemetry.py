"""What a breaker does, for those who watch: a gauge, a counter, a log line."""

from __future__ import annotations

import logging
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from gateway.breaker import State

log = logging.getLogger(__name__)

STATE = Gauge("breaker_state", "0 closed, 1 open, 2 half-open", ["name"])
TRANSITIONS = Counter("breaker_transitions_total", "Changes of state", ["name", "to"])


def reporter(name: str) -> Callable[[State], None]:
    """What to call at each change of the state of breaker `name`, which is closed now."""
    STATE.labels(name).set(State.CLOSED)

    def changed(state: State) -> None:
        word = state.name.lower().replace("_", "-")
        STATE.labels(name).set(state)
        TRANSITIONS.labels(name, word).inc()
        log.warning("breaker %s is %s", name, word, extra={"event": "breaker", "fields": {"name": name, "state": word}})

    return changed
