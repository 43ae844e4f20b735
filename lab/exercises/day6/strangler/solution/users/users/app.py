"""HTTP: /users, as in the shop. Nobody in here knows of orders."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from users import copies, pages
from users.models import Base, User

Email = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]

MOST_IDS = 100
"""More than that are no question but a copy of the table."""


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str


class NewUser(BaseModel):
    email: Email
    name: Name


class UserChange(BaseModel):
    """What is left out stays as it is."""

    email: Email | None = None
    name: Name | None = None


class UserView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str
    created_at: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        database.close()

    app = create_web_app("users", Health(required={"database": database.check}), lifespan)
    app.include_router(copies.router(database))

    @app.post("/users", status_code=201)
    def register(new: NewUser) -> UserView:
        user = User(email=new.email, name=new.name)
        try:
            with database.write() as session:
                session.add(user)
        except IntegrityError:
            raise _email_taken(new.email) from None
        return UserView.model_validate(user)

    @app.get("/users")
    def listing(ids: str | None = None, limit: pages.Limit = 20, cursor: str | None = None) -> pages.Page[UserView]:
        if ids is not None:
            return _these(database, ids.split(","))
        with database.read() as session:
            page, following = pages.cut(session, select(User), User.position, limit, cursor)
        return pages.Page(items=[UserView.model_validate(user) for user in page], next_cursor=following)

    @app.get("/users/{user_id}")
    def show(user_id: str) -> UserView:
        with database.read() as session:
            return UserView.model_validate(_find(session, user_id))

    @app.patch("/users/{user_id}")
    def change(user_id: str, change: UserChange) -> UserView:
        try:
            with database.write() as session:
                user = _find(session, user_id)
                for field, value in change.model_dump(exclude_none=True).items():
                    setattr(user, field, value)
        except IntegrityError:
            raise _email_taken(change.email or "") from None
        return UserView.model_validate(user)

    @app.delete("/users/{user_id}", status_code=204)
    def remove(user_id: str) -> None:
        # In the shop, who had orders stayed. The orders are in a database that we do not see, and to ask their service
        # first would tie each to the other: the rule is the price of the split.
        with database.write() as session:
            session.delete(_find(session, user_id))

    return app


def _these(database: Database, ids: list[str]) -> pages.Page[UserView]:
    """Those of them that there are, all on one page: somebody is waiting for this answer to go on."""
    if len(ids) > MOST_IDS:
        raise Problem(422, "too_many_ids", f"Ask for {MOST_IDS} at most.")
    with database.read() as session:
        found = session.scalars(select(User).where(User.id.in_(ids)).order_by(User.position))
        return pages.Page(items=[UserView.model_validate(user) for user in found], next_cursor=None)


def _find(session: Session, user_id: str) -> User:
    """Raises Problem 404."""
    user = session.scalar(select(User).where(User.id == user_id))
    if user is None:
        raise Problem(404, "unknown_user", f"There is no user {user_id}.")
    return user


def _email_taken(email: str) -> Problem:
    return Problem(409, "email_taken", f"Somebody registered {email} before.")
