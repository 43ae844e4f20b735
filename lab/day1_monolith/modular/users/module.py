"""Users' routes and rules."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lab.chassis.database import Database
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.day1_monolith.modular.bus import Bus
from lab.day1_monolith.modular.users.face import UserRegistered
from lab.day1_monolith.modular.users.tables import Base, User
from lab.day1_monolith.views import Registration, Renaming, UserView

log = logging.getLogger(__name__)


class Users:
    """`in_use` says whether somebody still needs a user; no foreign key crosses the wall, so it has to be asked."""

    tables = Base.metadata

    def __init__(self, database: Database, bus: Bus, in_use: Callable[[str], bool]) -> None:
        self._database = database
        self._bus = bus
        self._in_use = in_use

    def knows(self, user_id: str) -> bool:
        with self._database.read() as session:
            return session.get(User, user_id) is not None

    def router(self) -> APIRouter:
        api = APIRouter()

        @api.post("/users", status_code=201)
        def register(registration: Registration) -> UserView:
            user = User(id=new_id(), email=registration.email, name=registration.name)
            try:
                with self._database.write() as session:
                    session.add(user)
            except IntegrityError:
                raise Problem(409, "email_taken", f"{registration.email} is registered already.") from None
            fields = {"event": "state", "entity": "user", "id": user.id, "state": "active"}
            log.info("user %s is active", user.id, extra=fields)
            self._bus.publish(UserRegistered(user.id, user.email))
            return UserView.model_validate(user)

        @api.get("/users/{user_id}")
        def show(user_id: str) -> UserView:
            with self._database.read() as session:
                return UserView.model_validate(_find(session, user_id))

        @api.get("/users")
        def list_users(limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = "") -> dict[str, list[UserView]]:
            """In the order of ids; `after` is the last id of the page before."""
            page = select(User).where(User.id > after).order_by(User.id).limit(limit)
            with self._database.read() as session:
                return {"items": [UserView.model_validate(user) for user in session.scalars(page)]}

        @api.patch("/users/{user_id}")
        def rename(user_id: str, renaming: Renaming) -> UserView:
            with self._database.write() as session:
                user = _find(session, user_id)
                user.name = renaming.name
            return UserView.model_validate(user)

        @api.delete("/users/{user_id}", status_code=204)
        def remove(user_id: str) -> Response:
            if self._in_use(user_id):
                raise Problem(409, "user_has_orders", f"User {user_id} has orders.")
            with self._database.write() as session:
                session.delete(_find(session, user_id))
            return Response(status_code=204)

        return api


def _find(session: Session, user_id: str) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise Problem(404, "unknown_user", f"There is no user {user_id}.")
    return user
