"""HTTP: register a user, look one up. That somebody has registered commits together with the user."""

from __future__ import annotations

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
from lab.chassis.web import create_app as create_web_app
from users import outbox
from users.events import happened
from users.models import Base, User


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str


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
    relay = outbox.Relay(database, settings.amqp_url, settings.service_name)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata, outbox.metadata)
        relay.start()
        yield
        await run_in_threadpool(relay.stop)
        database.close()

    # Without the broker we still register people; what is to be told of them waits in the outbox.
    health = Health(required={"database": database.check}, optional={"broker": relay.check})
    app = create_web_app("users", health, lifespan)

    @app.post("/users", status_code=201)
    def register(registration: Registration) -> UserView:
        user = User(id=new_id(), email=registration.email, name=registration.name)
        fact = {"user_id": user.id, "email": user.email, "name": user.name}
        try:
            with database.write() as session:
                session.add(user)
                outbox.announce(session, happened("user.registered", "/users", fact))
        except IntegrityError:
            raise Problem(409, "email_taken", f"{registration.email} is registered already.") from None
        return UserView.model_validate(user)

    @app.get("/users/{user_id}")
    def show(user_id: str) -> UserView:
        with database.read() as session:
            user = session.get(User, user_id)
        if user is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        return UserView.model_validate(user)

    return app
