"""What this process says of itself: a line for each thing that happens, figures for how often and how long, and the id
that ties together what belongs to one request. It speaks of methods, routes and outcomes, never of what was sent."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
import uuid
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
REQUESTS = Counter("http_requests_total", "Requests answered", ["method", "route", "status"])
SECONDS = Histogram("http_request_duration_seconds", "From request to answer", ["method", "route"], buckets=BOUNDS)
CALLS = Counter("dependency_requests_total", "Calls to services behind us", ["dependency", "outcome"])

NOBODYS = "unmatched"
"""The route of a path that we do not have. There is no end of such paths, so they share a label."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
ACCEPTABLE = re.compile(r"[\x21-\x7e]{1,128}")

_request_id: ContextVar[str] = ContextVar("request_id", default="")


def request_id() -> str:
    """The id of the request that is being worked on; a task has its own, so requests do not mix."""
    return _request_id.get()


class Dependency:
    """How the calls to one service behind us end. `/readyz` tells of the last one, and so calls nobody itself."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.trouble = ""
        for outcome in ("ok", "error"):
            CALLS.labels(name, outcome)  # 0 is a figure, too: a rate needs a first value

    def answered(self) -> None:
        self.trouble = ""
        CALLS.labels(self.name, "ok").inc()

    def failed(self, reason: str) -> None:
        self.trouble = reason
        CALLS.labels(self.name, "error").inc()
        log.warning("%s does not answer", self.name, extra={"dependency": self.name, "reason": reason})


class Exchange:
    """Around every request: takes its id in, gives it out again, counts it and writes its line.

    Plain ASGI, because BaseHTTPMiddleware runs the app in another task and context variables do not come back.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        came_with = Headers(scope=scope).get("x-request-id", "")
        ident = came_with if ACCEPTABLE.fullmatch(came_with) else f"gen-{uuid.uuid4()}"
        token = _request_id.set(ident)
        began, status = time.perf_counter(), 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = ident
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _account(scope, status, time.perf_counter() - began)
            _request_id.reset(token)


def _account(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", NOBODYS)
    if route in ("/healthz", "/readyz", "/metrics"):
        return  # asked every few seconds by machines: neither news nor traffic
    method = scope["method"] if scope["method"] in METHODS else "OTHER"
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)
    told = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
    log.info("%s %s %d", method, route, status, extra=told)


def observe(app: FastAPI, service: str, *dependencies: Dependency) -> None:
    """Let the app be seen: its lines on stdout, `/metrics`, and a `/readyz` that says what is wrong."""
    _configure(service)
    app.add_middleware(Exchange)

    @app.get("/metrics")
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/readyz")
    async def readyz() -> dict[str, Any]:
        checks = {one.name: one.trouble or "ok" for one in dependencies}
        # Degraded, and still 200: taken out of traffic for its neighbour's sake, it could not answer anything.
        return {"status": "degraded" if any(one.trouble for one in dependencies) else "ready", "checks": checks}


class JsonLines(logging.Formatter):
    """One JSON object a line. A traceback is a field of it: text with line ends of its own would be many lines."""

    PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "ts": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": {"WARNING": "warn"}.get(record.levelname, record.levelname.lower()),
            "service": self._service,
            "msg": record.getMessage(),
        }
        if ident := request_id():
            line["request_id"] = ident
        line |= {key: value for key, value in vars(record).items() if key not in self.PLAIN}
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _configure(service: str) -> None:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it writes whole URLs
