"""HTTP: register a user, look one up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from lab.chassis.database import Database
from lab.chassis.ids import new_id
from lab.chassis.messaging import Messaging
from lab.chassis.problems import Problem
from lab.chassis.service import service_app
from lab.chassis.settings import MessagingSettings
from lab.day3_events.users.models import Base, User


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    """Nothing of its own."""


class Registration(BaseModel):
    email: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]
    name: Annotated[str, Field(min_length=1, max_length=200)]


class UserView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    email: str
    name: str


class UserRegistered(BaseModel):
    user_id: str
    email: str
    name: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    app = service_app("users", database, Base.metadata, messaging)

    @app.post("/users", status_code=201)
    def register(registration: Registration) -> UserView:
        user = User(id=new_id(), email=registration.email, name=registration.name)
        try:
            with messaging.transaction() as transaction:
                transaction.session.add(user)
                transaction.session.flush()  # the e-mail is taken or not: know it before anything is announced
                fact = UserRegistered(user_id=user.id, email=user.email, name=user.name)
                transaction.announce("user.registered", fact, entity=user.id)
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

    @app.get("/users")
    def list_users(limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = "") -> dict[str, list[UserView]]:
        """In the order of ids; `after` is the last id of the page before."""
        page = select(User).where(User.id > after).order_by(User.id).limit(limit)
        with database.read() as session:
            return {"items": [UserView.model_validate(user) for user in session.scalars(page)]}

    return app
