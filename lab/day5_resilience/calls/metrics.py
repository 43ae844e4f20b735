"""What calls to neighbours are counted in."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

CALLS = Counter("dependency_requests_total", "Calls in the code by how they ended", ["dependency", "outcome"])
SECONDS = Histogram("dependency_request_seconds", "Time of a call with all its attempts", ["dependency"])
ATTEMPTS = Counter("dependency_attempts_total", "Attempts that went out", ["dependency"])
RETRIES = Counter("retries_total", "Attempts after the first", ["dependency"])
LEFT = Gauge("retry_budget_left", "Retries that may still be made", ["dependency"])
STATE = Gauge("breaker_state", "0 closed, 1 open, 2 half-open", ["name"])
TRANSITIONS = Counter("breaker_transitions_total", "Changes of a breaker's state", ["name", "to"])
TAKEN = Gauge("bulkhead_slots_taken", "Calls under way", ["dependency"])
FALLBACKS = Counter("fallback_total", "Answers made without a neighbour", ["dependency"])
SHED = Counter("shed_total", "Requests refused because too many were under way")
