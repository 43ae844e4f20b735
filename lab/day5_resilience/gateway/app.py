"""HTTP: what visitors see. Each page says what it cannot do without, and what it shows in its place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
from fastapi import FastAPI, Header
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from lab.chassis import problems
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day5_resilience.calls.neighbour import Neighbour, Unavailable
from lab.day5_resilience.calls.protections import Protections
from lab.day5_resilience.gateway.recommendations import Recommendations
from lab.day5_resilience.gateway.shedding import Shedding


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    users_url: str
    orders_url: str
    reco_url: str
    report_url: str
    jobs_url: str
    without: str = ""
    most_under_way: int = 16
    """Requests under way beyond which the next is refused: fewer than the 40 threads that answer them."""


def create_app(settings: Settings) -> FastAPI:
    on = Protections.without(settings.without)
    users = Neighbour("users", settings.users_url, on)
    orders = Neighbour("orders", settings.orders_url, on, timeout=4.0, attempts=3)  # it tries for 3 s itself
    reco = Neighbour("reco", settings.reco_url, on, timeout=0.3, slots=8)  # nobody waits longer for an extra
    report = Neighbour("report", settings.report_url, on, timeout=6.0, slots=4)
    jobs = Neighbour("jobs", settings.jobs_url, on)
    recommendations = Recommendations(reco, fallback=on.fallback)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for neighbour in (users, orders, reco, report, jobs):
            await run_in_threadpool(neighbour.close)

    app = web_app("gateway", Health(), lifespan)  # whether neighbours are well is no question of its own health
    if on.shedding:
        app.add_middleware(Shedding, most=settings.most_under_way)

    @app.exception_handler(Unavailable)
    def unavailable(_: object, reason: Exception) -> JSONResponse:
        """A page fails fast, and says of whom, where it cannot do without."""
        name = str(reason).partition(":")[0]
        answer = problems.answer(503, f"{name}_unavailable", str(reason))
        answer.headers["Retry-After"] = "1"
        return answer

    @app.post("/users")
    def register(body: dict[str, Any]) -> JSONResponse:
        return _passed_on(users.post("/users", body))

    @app.post("/orders")
    def place(body: dict[str, Any], idempotency_key: Annotated[str, Header(max_length=200)] = "") -> JSONResponse:
        """An answer may get lost, and then nobody knows whether the order was placed. A key, the visitor's or one of
        ours, lets us ask again."""
        return _passed_on(orders.post("/orders", body, key=idempotency_key or new_id()))

    @app.get("/orders/{order_id}")
    def show(order_id: str) -> JSONResponse:
        return _passed_on(orders.get(f"/orders/{order_id}"))

    @app.get("/home/{user_id}")
    def home(user_id: str) -> dict[str, Any]:
        answer = orders.get("/orders", user_id=user_id)
        if answer.is_error:
            raise Problem(answer.status_code, "unknown_user", f"There is no user {user_id}.")
        items, quality = recommendations.of(user_id)
        return {
            **answer.json(),
            "recommendations": items,
            "stale": quality == "stale",
            "degraded": [] if quality == "fresh" else ["recommendations"],
        }

    @app.get("/report")
    def show_report() -> JSONResponse:
        return _passed_on(report.get("/report"))

    @app.post("/reports")
    def ask_for_report(body: dict[str, Any]) -> JSONResponse:
        """The same report for who need not see it now: 202, and a job."""
        return _passed_on(jobs.post("/reports", body))

    @app.get("/jobs/{job_id}")
    def show_job(job_id: str) -> JSONResponse:
        return _passed_on(jobs.get(f"/jobs/{job_id}"))

    return app


def _passed_on(answer: httpx.Response) -> JSONResponse:
    return JSONResponse(answer.json(), answer.status_code, media_type=answer.headers.get("Content-Type"))
