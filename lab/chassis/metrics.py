"""What every service counts, in Prometheus' terms."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()
"""Of our own. In the default one, which belongs to the service, it could not have metrics of the same names, though it
uses nothing of the chassis: the fork server has imported that for others."""

REQUESTS = Counter("http_requests_total", "Answered requests", ["method", "route", "status"], registry=REGISTRY)
SECONDS = Histogram("http_request_seconds", "Time to answer", ["method", "route"], registry=REGISTRY)
CONSUMED = Counter(
    "events_consumed_total", "Deliveries by what became of them", ["queue", "outcome"], registry=REGISTRY
)
PUBLISHED = Counter("events_published_total", "Publishes by what the broker said", ["outcome"], registry=REGISTRY)
OUTBOX_PENDING = Gauge("outbox_pending", "Events that wait to be announced", registry=REGISTRY)
