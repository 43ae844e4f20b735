"""HTTP: register a user, look one up."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day5_resilience.users.models import Base, User

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str


class Registration(BaseModel):
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    name: Annotated[str, Field(min_length=1, max_length=200)]


class UserView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        await run_in_threadpool(database.close)

    app = web_app("users", Health(required={"database": database.check}), lifespan)

    @app.post("/users", status_code=201)
    def register(registration: Registration) -> UserView:
        user = User(id=new_id(), email=registration.email, name=registration.name)
        try:
            with database.write() as session:
                session.add(user)
        except IntegrityError:
            raise Problem(409, "email_taken", f"{registration.email} is registered already.") from None
        line = {"event": "state", "entity": "user", "id": user.id, "state": "active"}
        log.info("user %s is active", user.id, extra=line)
        return UserView.model_validate(user)

    @app.get("/users/{user_id}")
    def show(user_id: str) -> UserView:
        with database.read() as session:
            user = session.get(User, user_id)
        if user is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        return UserView.model_validate(user)

    return app
