"""HTTP: `GET /users/{id}`, answered by the users service behind us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

import httpx
from fastapi import FastAPI, Response

from lab.chassis import web
from lab.chassis.health import Health
from lab.chassis.ids import outgoing_headers
from lab.chassis.problems import Problem
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

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with users:
            yield

    app = web.create_app("gateway", Health(), lifespan)

    @app.get("/users/{user_id}")
    async def user(user_id: str) -> Response:
        # TODO: one attempt is all a request gets here. Which troubles are worth another one, when, and how many?
        try:
            answer = await users.get(f"/users/{quote(user_id, safe='')}", headers=outgoing_headers())
        except httpx.HTTPError as error:
            raise Problem(503, "users_unavailable", f"users cannot be reached: {error!r}") from error
        if answer.status_code >= 500:
            raise Problem(503, "users_unavailable", f"users answered {answer.status_code}")
        return Response(answer.content, answer.status_code, media_type=answer.headers.get("content-type"))

    return app
