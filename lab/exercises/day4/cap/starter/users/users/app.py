"""HTTP: register a user, show one, rename one, take money from one. Every change is announced through the outbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
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
    heartbeat_ms: int = 250


class Registration(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]
    balance: Annotated[int, Field(ge=0)]


class Renaming(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]


class Amount(BaseModel):
    amount: Annotated[int, Field(gt=0)]


class UserView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    balance: int
    version: int


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

    # Without the broker we register, rename and pay all the same; their events wait in the outbox.
    health = Health(required={"database": database.check}, optional={"broker": relay.check})
    app = create_web_app("users", health, lifespan)

    @app.post("/users", status_code=201)
    def register(registration: Registration) -> UserView:
        user = User(id=new_id(), name=registration.name, balance=registration.balance, version=1)
        with database.write() as session:
            session.add(user)
            _announce(session, "user.registered", user)
        return UserView.model_validate(user)

    @app.get("/users/{user_id}")
    def show(user_id: str) -> UserView:
        with database.read() as session:
            return UserView.model_validate(_found(session, user_id))

    @app.patch("/users/{user_id}")
    def rename(user_id: str, renaming: Renaming) -> UserView:
        with database.write() as session:
            user = _found(session, user_id, to_change=True)
            user.name = renaming.name
            user.version += 1
            _announce(session, "user.updated", user)
        return UserView.model_validate(user)

    @app.post("/users/{user_id}/withdraw", status_code=201)
    def withdraw(user_id: str, wanted: Amount) -> None:
        # TODO: whoever comes twice with one Idempotency-Key takes the money once. And whoever comes too late?
        raise Problem(501, "not_implemented", "Withdrawals are still to be written.")

    return app


def _found(session: Session, user_id: str, *, to_change: bool = False) -> User:
    user = session.get(User, user_id, with_for_update=to_change)
    if user is None:
        raise Problem(404, "unknown_user", f"There is no user {user_id}.")
    return user


def _announce(session: Session, kind: str, user: User) -> None:
    """The whole user as they are now, and which version that is."""
    fact = {"user_id": user.id, "name": user.name, "balance": user.balance, "version": user.version}
    outbox.announce(session, happened(kind, "/users", fact))
