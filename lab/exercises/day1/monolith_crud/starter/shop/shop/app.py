"""The shop in one process. So far it registers users, and forgets them when it stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str


class NewUser(BaseModel):
    email: str
    name: str


def create_app(_settings: Settings) -> FastAPI:
    app = create_web_app("shop", Health())  # /healthz, /readyz, /metrics, JSON logs, request ids, problem+json

    # TODO: keep users and orders in the database. `lab.chassis.database.Database(settings.database_url)` is one that
    # loses no updates; SQLAlchemy models and `database.create_tables(Base.metadata)` do the rest.
    users: dict[str, dict[str, Any]] = {}

    @app.post("/users", status_code=201)
    def register(new: NewUser) -> dict[str, Any]:
        # TODO: created_at; an e-mail that is taken (raise lab.chassis.problems.Problem(409, "email_taken", "..."))
        user = {"id": new_id(), "email": new.email, "name": new.name}
        users[user["id"]] = user
        return user

    @app.get("/users/{user_id}")
    def show(user_id: str) -> dict[str, Any] | None:
        return users.get(user_id)  # TODO: and if there is none?

    # TODO: GET /users with pages, PATCH and DELETE of a user; then /orders.
    return app
