"""The door for copies: /copies, where the gateway brings what the other side has decided."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel
from sqlalchemy import delete, select, update

from lab.chassis.database import Database

from .models import User


class Copy(BaseModel):
    """A user as the other side shows it. Its rules are not checked again: they held where it was decided."""

    email: str
    name: str
    created_at: str


def router(database: Database) -> APIRouter:
    routes = APIRouter(prefix="/copies", tags=["copies"])

    @routes.put("/{user_id}", status_code=204)
    def keep(user_id: str, copy: Copy) -> None:
        with database.write() as session:
            # Whoever else has this e-mail here has another one by now, and is copied next. Until then it is in the way.
            others = (User.email == copy.email) & (User.id != user_id)
            session.execute(update(User).where(others).values(email="outdated:" + User.id))
            user = session.scalar(select(User).where(User.id == user_id))
            if user is None:
                session.add(User(id=user_id, **copy.model_dump()))
            else:
                user.email, user.name, user.created_at = copy.email, copy.name, copy.created_at

    @routes.delete("/{user_id}", status_code=204)
    def drop(user_id: str) -> None:
        with database.write() as session:
            session.execute(delete(User).where(User.id == user_id))

    return routes
