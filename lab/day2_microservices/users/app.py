"""HTTP: register users, look them up one by one or many at once."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Response
from pydantic import BaseModel
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.service import Background
from lab.chassis.settings import ServiceSettings, SettingsError
from lab.chassis.web import create_app as web_app
from lab.day2_microservices.users.models import MOST, Base, User
from lab.day2_microservices.users.views import Registration, Renaming, of_release

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    amqp_url: str = ""
    """Where questions come from besides HTTP ("": nowhere)."""
    grpc_port: int = 0
    """Where it listens for gRPC besides HTTP (0: nowhere)."""
    version: int = 1
    contract: str = "kept"
    """`kept` or `broken`: what version 2 does to those who know version 1."""


def create_app(settings: Settings) -> FastAPI:
    """Raises SettingsError."""
    if settings.contract not in ("kept", "broken"):
        raise SettingsError(f"CONTRACT={settings.contract!r} is neither kept nor broken")
    database = Database(settings.database_url)
    answering: list[Background] = []
    view = of_release(settings.version, settings.contract)

    def find(ids: Sequence[str]) -> Sequence[User]:
        with database.read() as session:
            return session.scalars(select(User).where(User.id.in_(ids)).order_by(User.id)).all()

    def find_one(user_id: str) -> BaseModel | None:
        found = find([user_id])
        return view(found[0]) if found else None

    health = Health(required={"database": database.check})
    if settings.amqp_url:
        from lab.day2_microservices.users.answering import Answering  # only who is asked so has to load it

        questions = Answering(settings.amqp_url, settings.instance_id, find_one)
        health.optional["questions"] = questions.check
        answering.append(questions)
    if settings.grpc_port:
        from lab.day2_microservices.users.rpc import Serving

        answering.append(Serving(f"{settings.host}:{settings.grpc_port}", find))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        for one in answering:
            await run_in_threadpool(one.start)
        log.info("version %d", settings.version, extra={"event": "version", "version": settings.version})
        yield
        for one in answering:
            await run_in_threadpool(one.stop)
        await run_in_threadpool(database.close)

    app = web_app("users", health, lifespan)

    @app.post("/users", status_code=201, response_model=None)
    def register(registration: Registration) -> BaseModel:
        user = User(id=new_id(), email=registration.email, name=registration.name)
        try:
            with database.write() as session:
                session.add(user)
        except IntegrityError:
            raise Problem(409, "email_taken", f"{registration.email} is registered already.") from None
        fields = {"event": "state", "entity": "user", "id": user.id, "state": "active"}
        log.info("user %s is active", user.id, extra=fields)
        return view(user)

    @app.get("/users/{user_id}", response_model=None)
    def show(user_id: str) -> BaseModel:
        found = find_one(user_id)
        if found is None:
            raise _unknown(user_id)
        return found

    @app.get("/users", response_model=None)
    def list_users(
        limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = "", ids: str | None = None
    ) -> dict[str, list[BaseModel]]:
        """Those of `ids` (`a,b,c`) that there are. Without: all, in the order of ids; `after` is the last id of the
        page before."""
        page = select(User).where(User.id > after).order_by(User.id).limit(limit)
        if ids is not None:
            wanted = {one for one in ids.split(",") if one}
            if len(wanted) > MOST:
                raise Problem(400, "too_many_ids", f"At most {MOST} users may be asked for at once.")
            return {"items": [view(user) for user in find(list(wanted))]}
        with database.read() as session:
            return {"items": [view(user) for user in session.scalars(page)]}

    @app.patch("/users/{user_id}", response_model=None)
    def rename(user_id: str, renaming: Renaming) -> BaseModel:
        with database.write() as session:
            user = _find(session, user_id)
            user.name = renaming.name
        return view(user)

    @app.delete("/users/{user_id}", status_code=204)
    def remove(user_id: str) -> Response:
        """Whether somebody has orders is not known here: the gateway asks before. A user who is gone is shown as
        nobody."""
        with database.write() as session:
            session.delete(_find(session, user_id))
        return Response(status_code=204)

    return app


def _find(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise _unknown(user_id)
    return user


def _unknown(user_id: str) -> Problem:
    return Problem(404, "unknown_user", f"There is no user {user_id}.")
