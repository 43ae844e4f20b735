"""HTTP: `GET /users/{id}`, answered by the users service behind us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Response

from gateway.budget import Budget
from gateway.retry import DO_NOT_RETRY, GaveUp, Policy, Retrying
from lab.chassis import problems, web
from lab.chassis.health import Health
from lab.chassis.ids import outgoing_headers
from lab.chassis.settings import ServiceSettings
from lab.chassis.tls import AUTHORITIES


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    users_url: str
    http_timeout_ms: int = 4000
    total_timeout_ms: int = 8000
    retry_attempts: int = 4
    retry_base_ms: int = 200
    retry_cap_ms: int = 3000
    retry_budget: int = 100


def create_app(settings: Settings) -> FastAPI:
    users = httpx.AsyncClient(
        base_url=settings.users_url, timeout=settings.http_timeout_ms / 1000, trust_env=False, verify=AUTHORITIES
    )
    policy = Policy(
        attempts=settings.retry_attempts,
        base=settings.retry_base_ms / 1000,
        cap=settings.retry_cap_ms / 1000,
        per_attempt=settings.http_timeout_ms / 1000,
        total=settings.total_timeout_ms / 1000,
    )
    retrying = Retrying(policy, Budget(settings.retry_budget))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with users:
            yield

    app = web.create_app("gateway", Health(), lifespan)

    @app.get("/users/{user_id}")
    async def user(user_id: str) -> Response:
        path = f"/users/{quote(user_id, safe='')}"
        try:
            answer = await retrying.call(lambda: users.get(path, headers=outgoing_headers()))
        except GaveUp as error:
            problem = problems.answer(503, "users_unavailable", f"users cannot be reached: {error}")
            problem.headers.update(DO_NOT_RETRY)
            return problem
        return _passed_on(answer)

    return app


def _passed_on(answer: httpx.Response) -> Response:
    """The answer as it came; of its headers only those that still mean the same one hop further."""
    kept = {name: answer.headers[name] for name in ("content-type", "retry-after") if name in answer.headers}
    return Response(answer.content, answer.status_code, kept)
