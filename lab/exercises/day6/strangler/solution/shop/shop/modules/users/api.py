"""The public face of users: one question, and two ways to ask it. Who asks does not know which of them it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import quote

import httpx
from fastapi import APIRouter
from sqlalchemy import select

from lab.chassis.database import Database
from lab.chassis.ids import outgoing_headers
from lab.chassis.tls import AUTHORITIES
from shop.common.part import Part
from shop.modules.users import copies
from shop.modules.users.models import Base, User
from shop.modules.users.routes import router

TIMEOUT = 2.0


class Unavailable(Exception):
    """Whether there is such a user cannot be told just now."""


class Users(Protocol):
    def know(self, user_id: str) -> bool:
        """Whether there is this user. Raises Unavailable."""


class Here:
    """Users in this process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def know(self, user_id: str) -> bool:
        with self._database.read() as session:
            return session.scalar(select(User.id).where(User.id == user_id)) is not None


class Elsewhere:
    """Users in a process of its own."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT, trust_env=False, verify=AUTHORITIES)

    def know(self, user_id: str) -> bool:
        try:
            answer = self._http.get(f"/users/{quote(user_id, safe='')}", headers=outgoing_headers())
        except httpx.HTTPError as error:
            raise Unavailable(repr(error)) from error
        if answer.status_code not in (httpx.codes.OK, httpx.codes.NOT_FOUND):
            raise Unavailable(f"answered {answer.status_code}")
        return answer.status_code == httpx.codes.OK


def part(database: Database, needed_by: Sequence[Callable[[str], bool]]) -> Part:
    """`needed_by` are asked before a user is deleted: whether they still need the user with this id."""
    routes = APIRouter()
    routes.include_router(router(database, needed_by))
    routes.include_router(copies.router(database))
    return Part(routes, Base.metadata)
