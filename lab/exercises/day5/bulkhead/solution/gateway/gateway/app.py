"""HTTP: `GET /report` and `GET /users/{user_id}`, each from a service behind us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from gateway.bulkhead import Bulkhead, Full
from gateway.upstream import Unavailable, Upstream
from lab.chassis import problems, web
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    report_url: str
    users_url: str
    http_timeout_ms: int = 8000
    bulkhead_report_max: int = 4
    bulkhead_users_max: int = 16
    bulkhead_queue_ms: int = 200
    max_inflight: int = 32


def create_app(settings: Settings) -> FastAPI:
    timeout = settings.http_timeout_ms / 1000
    reports = Upstream(settings.report_url, timeout)
    users = Upstream(settings.users_url, timeout)
    # One compartment for each service behind us, and around both the hull: what this process can hold at all. Whoever
    # is over that is turned away at once, before anything is done for it. /healthz passes through none of them.
    patience = settings.bulkhead_queue_ms / 1000
    hull = Bulkhead(settings.max_inflight)
    report_places = Bulkhead(settings.bulkhead_report_max, patience)
    users_places = Bulkhead(settings.bulkhead_users_max, patience)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await reports.close()
        await users.close()

    app = web.create_app("gateway", Health(), lifespan)
    app.add_exception_handler(Full, _busy)

    @app.get("/report")
    async def report() -> dict[str, Any]:
        try:
            async with hull.place(), report_places.place():
                figures = await reports.get("/report")
        except Unavailable as error:
            raise Problem(503, "report_unavailable", f"There is no report: {error}") from error
        if figures is None:
            raise Problem(503, "report_unavailable", "The report service has no report.")
        return figures

    @app.get("/users/{user_id}")
    async def user(user_id: str) -> dict[str, Any]:
        try:
            async with hull.place(), users_places.place():
                found = await users.get(f"/users/{quote(user_id, safe='')}")
        except Unavailable as error:
            raise Problem(503, "users_unavailable", f"Nobody can say who that is: {error}") from error
        if found is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        return found

    return app


def _busy(_: Request, __: Exception) -> JSONResponse:
    """What whoever finds no place is told."""
    refused = problems.answer(503, "busy", "Too much at once. Come back in a moment.")
    refused.headers["Retry-After"] = "1"
    return refused
