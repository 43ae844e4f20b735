"""What calls to neighbours are counted in."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CALLS = Counter("dependency_requests_total", "Calls in the code by how they ended", ["dependency", "outcome"])
ATTEMPTS = Counter("dependency_attempts_total", "Attempts that went out", ["dependency"])
STATE = Gauge("breaker_state", "0 closed, 1 open, 2 half-open", ["name"])
TRANSITIONS = Counter("breaker_transitions_total", "Changes of a breaker's state", ["name", "to"])
FALLBACKS = Counter("fallback_total", "Answers made without a neighbour", ["dependency"])
