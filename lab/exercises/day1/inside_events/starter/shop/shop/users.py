"""Users: /users."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lab.chassis.database import Database
from lab.chassis.problems import Problem
from shop import pages
from shop.mail import Mail
from shop.models import Order, User

Email = Annotated[str, Field(min_length=3, max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]


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


def router(database: Database, mail: Mail) -> APIRouter:
    routes = APIRouter(prefix="/users", tags=["users"])

    @routes.post("", status_code=201)
    def register(new: NewUser) -> UserView:
        user = User(email=new.email, name=new.name)
        try:
            with database.write() as session:
                session.add(user)
        except IntegrityError:
            raise _email_taken(new.email) from None
        mail.send(user.id, "welcome")  # TODO: what has registering to do with mails? And counting comes next.
        return UserView.model_validate(user)

    @routes.get("")
    def listing(limit: pages.Limit = 20, cursor: str | None = None) -> pages.Page[UserView]:
        with database.read() as session:
            page, following = pages.cut(session, select(User), User.position, limit, cursor)
        return pages.Page(items=[UserView.model_validate(user) for user in page], next_cursor=following)

    @routes.get("/{user_id}")
    def show(user_id: str) -> UserView:
        with database.read() as session:
            return UserView.model_validate(find(session, user_id))

    @routes.patch("/{user_id}")
    def change(user_id: str, change: UserChange) -> UserView:
        try:
            with database.write() as session:
                user = find(session, user_id)
                for field, value in change.model_dump(exclude_none=True).items():
                    setattr(user, field, value)
        except IntegrityError:
            raise _email_taken(change.email or "") from None
        return UserView.model_validate(user)

    @routes.delete("/{user_id}", status_code=204)
    def remove(user_id: str) -> None:
        with database.write() as session:
            user = find(session, user_id)
            if session.scalar(select(Order.id).where(Order.user_id == user.id).limit(1)) is not None:
                raise Problem(409, "user_has_orders", f"User {user_id} has orders.")
            session.delete(user)

    return routes


def find(session: Session, user_id: str) -> User:
    """Raises Problem 404."""
    user = session.scalar(select(User).where(User.id == user_id))
    if user is None:
        raise Problem(404, "unknown_user", f"There is no user {user_id}.")
    return user


def _email_taken(email: str) -> Problem:
    return Problem(409, "email_taken", f"Somebody registered {email} before.")
