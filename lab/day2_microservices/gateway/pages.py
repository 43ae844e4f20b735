"""Pages: what several services say, put together. A page without a part that is missing is better than no page."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from lab.chassis.problems import Problem
from lab.day2_microservices.gateway.neighbour import Neighbour, Unavailable

log = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)


class User(BaseModel):
    """Of what users tells, the part that a page shows. This reader is strict: a page cannot do without a name."""

    id: str
    name: str


class Order(BaseModel):
    id: str
    user_id: str
    amount: int
    status: str


class Users(BaseModel):
    items: list[User]


class Orders(BaseModel):
    items: list[Order]


class Pages:
    """`batch`: users are asked for all at once; otherwise for one at a time, as a loop over orders does by itself."""

    def __init__(self, users: Neighbour, orders: Neighbour, *, batch: bool) -> None:
        self._users = users
        self._orders = orders
        self._batch = batch

    def of_user(self, user_id: str) -> dict[str, Any]:
        """A user with all orders. Raises Problem if there is no such user, or nothing at all to be shown."""
        user, orders, degraded = None, None, list[str]()
        try:
            user = self._user(user_id)
        except Unavailable:
            degraded.append(self._users.name)
        else:
            if user is None:
                raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        try:
            orders = self._list(user_id=user_id).items
        except Unavailable:
            if user is None:
                raise
            degraded.append(self._orders.name)
        return _told({"user": user, "orders": orders}, degraded)

    def of_orders(self, limit: int) -> dict[str, Any]:
        """Orders, each with its user. Raises Problem."""
        found = self._list(limit=limit).items
        users, degraded = dict[str, User | None](), list[str]()
        try:
            ids = [order.user_id for order in found]
            users.update(self._many(ids) if self._batch else self._each(ids))
        except Unavailable:
            degraded.append(self._users.name)
        items = [order.model_dump() | {"user": users.get(order.user_id)} for order in found]
        return _told({"items": items}, degraded)

    def has_orders(self, user_id: str) -> bool:
        """Raises Problem if orders cannot say."""
        return bool(self._list(user_id=user_id, limit=1).items)

    def _many(self, ids: Iterable[str]) -> dict[str, User | None]:
        """One call for all of them, each named once; no call for nobody."""
        wanted = ",".join(sorted(set(ids)))
        if not wanted:
            return {}
        return {user.id: user for user in _read(Users, self._users.get("/users", ids=wanted)).items}

    def _each(self, ids: Iterable[str]) -> dict[str, User | None]:
        """N+1: it looks like a dictionary, and it is a call over the network for each order."""
        return {user_id: self._user(user_id) for user_id in ids}

    def _user(self, user_id: str) -> User | None:
        response = self._users.get(f"/users/{quote(user_id, safe='')}")
        return None if response.status_code == 404 else _read(User, response)

    def _list(self, **params: str | int) -> Orders:
        return _read(Orders, self._orders.get("/orders", **params))


def _told(page: dict[str, Any], degraded: list[str]) -> dict[str, Any]:
    """The page, which says itself whose part is missing."""
    if degraded:
        log.warning("a page without %s", ", ".join(degraded), extra={"event": "degraded", "missing": degraded})
    return page | {"degraded": degraded}


def _read(kind: type[M], response: httpx.Response) -> M:
    """What it says. Raises Problem: an answer that cannot be read is no outage. It will be the same the next time, and
    somebody has to repair it, so it is told and not hidden."""
    try:
        return kind.model_validate_json(response.content)
    except ValidationError as error:
        where = ", ".join(".".join(map(str, one["loc"])) for one in error.errors()[:3])
        raise Problem(502, "contract_broken", f"An answer is not what was agreed: {where}.") from error
