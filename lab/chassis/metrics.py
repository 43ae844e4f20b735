"""What every service counts, in Prometheus' terms."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("http_requests_total", "Answered requests", ["method", "route", "status"])
SECONDS = Histogram("http_request_seconds", "Time to answer", ["method", "route"])
CONSUMED = Counter("events_consumed_total", "Deliveries by what became of them", ["queue", "outcome"])
PUBLISHED = Counter("events_published_total", "Publishes by what the broker said", ["outcome"])
OUTBOX_PENDING = Gauge("outbox_pending", "Events that wait to be announced")
