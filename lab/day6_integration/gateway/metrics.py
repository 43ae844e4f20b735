"""What the strangler counts."""

from __future__ import annotations

from prometheus_client import Counter

ROUTED = Counter("route_requests_total", "Requests by who answered", ["route", "target"])
MISMATCHES = Counter("shadow_mismatch_total", "Answers that were not the same", ["route"])
