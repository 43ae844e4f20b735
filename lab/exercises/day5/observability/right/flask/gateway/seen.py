"""Flask's side of being seen: hooks around requests, a Session around calls, lines from a small function."""

import json
import os
import sys
import threading
import time
import uuid
from datetime import UTC, datetime

import requests
from flask import Response, g, has_request_context, request
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

SERVICE = os.environ.get("SERVICE_NAME", "service")
registry = CollectorRegistry()
answered = Counter("http_requests", "Answered requests", ["method", "route", "status"], registry=registry)
took = Histogram(
    "http_request_duration_seconds",
    "How long they took",
    ["method", "route", "status"],
    buckets=(0.1, 0.25, 0.5, 1, 2, 5),
    registry=registry,
)
called = Counter("dependency_requests", "Calls", ["dependency", "outcome"], registry=registry)
_out = threading.Lock()


def say(level, msg, **more):
    line = {"ts": datetime.now(UTC).isoformat(), "level": level, "service": SERVICE, "msg": msg}
    if has_request_context():
        line["request_id"] = g.id
    with _out:
        sys.stdout.write(json.dumps(line | more) + "\n")
        sys.stdout.flush()


class Unavailable(Exception):
    def __init__(self, name):
        self.name = name


class Neighbour:
    def __init__(self, name, url, timeout):
        self.name, self.url, self.timeout, self.last = name, url, timeout, "ok"

    def call(self, method, path, **more):
        """Status and JSON."""
        try:
            answer = requests.request(
                method, self.url + path, timeout=self.timeout, headers={"X-Request-ID": g.id}, **more
            )
            if answer.status_code >= 500:
                raise ValueError(f"answered {answer.status_code}")
            found = answer.json()
            if not isinstance(found, dict):
                raise TypeError("answered something else")
        except (requests.RequestException, ValueError, TypeError) as error:
            self.last = type(error).__name__
            called.labels(self.name, "error").inc()
            say("error", f"{self.name} failed: {self.last}", dependency=self.name)
            raise Unavailable(self.name) from None
        self.last = "ok"
        called.labels(self.name, "ok").inc()
        return answer.status_code, found


def problem(status, code):
    return Response(json.dumps({"status": status, "code": code}), status, content_type="application/problem+json")


def watch(app, *neighbours):
    @app.before_request
    def begin():
        g.began = time.perf_counter()
        g.id = request.headers.get("X-Request-ID") or uuid.uuid4().hex

    @app.after_request
    def end(response):
        rule = request.url_rule.rule.replace("<", "{").replace(">", "}") if request.url_rule else "none"
        response.headers["X-Request-ID"] = g.id
        answered.labels(request.method, rule, str(response.status_code)).inc()
        took.labels(request.method, rule, str(response.status_code)).observe(time.perf_counter() - g.began)
        if rule not in ("/healthz", "/readyz", "/metrics"):
            say("info", f"{request.method} {rule}", status=response.status_code)
        return response

    @app.errorhandler(Unavailable)
    def unavailable(error):
        return problem(503, f"{error.name}_unavailable")

    @app.get("/metrics")
    def metrics():
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    @app.get("/healthz")
    def healthz():
        return {"status": "alive"}

    @app.get("/readyz")
    def readyz():
        checks = {one.name: one.last for one in neighbours}
        return {"status": "ready" if set(checks.values()) <= {"ok"} else "degraded", "checks": checks}
