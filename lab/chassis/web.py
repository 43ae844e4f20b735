"""The HTTP side of a service: a FastAPI app with health, metrics, problems and ids already in it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab.chassis import metrics, problems
from lab.chassis.health import Health
from lab.chassis.ids import correlated

log = logging.getLogger(__name__)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked once a second by whoever watches: answered, but neither logged nor counted."""


def create_app(title: str, health: Health, lifespan: Lifespan | None = None) -> FastAPI:
    """An app that has `/healthz` (alive), `/readyz` (able to work) and `/metrics`; the service adds its own routes."""
    app = FastAPI(title=title, lifespan=lifespan)
    problems.install(app)
    app.add_middleware(Exchange)

    @app.get("/healthz", tags=["operations"])
    async def healthz() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/readyz", tags=["operations"])
    def readyz() -> JSONResponse:
        status, body = health.report()
        return JSONResponse(body, status)

    @app.get("/metrics", tags=["operations"])
    def exposition() -> PlainTextResponse:
        return PlainTextResponse(generate_latest(metrics.REGISTRY) + generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return app


class Exchange:
    """Around every request: takes its id in, gives it out again, counts it and writes its line.

    Plain ASGI, because Starlette's BaseHTTPMiddleware runs the app in another task and context variables set there
    are lost to it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        start = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        with correlated(headers.get("x-request-id", ""), headers.get("traceparent", "")) as request_id:
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("unforeseen error in %s %s", scope["method"], scope["path"])
                if status:
                    raise  # half an answer is out already: all that is left is to break off
                await problems.unforeseen()(scope, receive, send_with_id)
            finally:
                if scope["path"] not in _QUIET:
                    _account(scope, status, time.perf_counter() - start, request_id)


def _account(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    method: str = scope["method"]
    route: Any = scope.get("route")
    path = getattr(route, "path", "unknown")  # the template: a label per order id would never end
    metrics.REQUESTS.labels(method, path, status).inc()
    metrics.SECONDS.labels(method, path).observe(seconds)
    log.info(
        "%s %s %d",
        method,
        scope["path"],
        status,
        extra={"event": "http", "status": status, "ms": round(seconds * 1000, 1), "request_id": request_id},
    )
