"""HTTP: the monolith's API of users. Reads are answered from the cache or the copy, writes go to the record first.

Wallets are still in the monolith, and hold on to its table of users. Until they have moved out, the record stays there,
which is also the way back: whoever is registered here is known there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Query, Response

from lab.chassis.database import Database
from lab.chassis.messaging import Messaging
from lab.chassis.problems import Problem
from lab.chassis.service import Background, service_app
from lab.chassis.settings import MessagingSettings
from lab.day6_integration.calls.neighbour import Neighbour
from lab.day6_integration.moving.copies import Copies
from lab.day6_integration.moving.record import Record
from lab.day6_integration.moving.sweeper import sweeper
from lab.day6_integration.users.cache import Cache
from lab.day6_integration.users.loading import Loading
from lab.day6_integration.users.models import Base, User
from lab.day6_integration.users.views import Registration, Renaming, UserRegistered, UserView


@dataclass(frozen=True, kw_only=True)
class Settings(MessagingSettings):
    legacy_url: str
    redis_url: str
    grpc_port: int = 0
    """Where it listens for gRPC besides HTTP (0: nowhere)."""
    legacy_timeout_ms: int = 1500
    """Shorter than what the gateway waits for users: who waits longer than his own caller works for nobody."""
    sweep_ms: int = 1000
    cache_ttl_s: float = 20.0
    redis_timeout_ms: int = 200
    database_ms: int = 0


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    messaging = Messaging(settings, database)
    legacy = Neighbour("legacy", settings.legacy_url, timeout=settings.legacy_timeout_ms / 1000, attempts=2)
    record = Record(legacy, "users", UserView)
    cache = Cache(settings.redis_url, ttl=settings.cache_ttl_s, timeout=settings.redis_timeout_ms / 1000)
    loading = Loading(cache, slow=settings.database_ms / 1000)
    copies = Copies(database, messaging, record, User, UserView, changed=loading.changed)

    def find(user_id: str) -> UserView | None:
        return loading.find(user_id, copies.find)

    background: list[Background] = [sweeper(copies.sweep, settings.sweep_ms / 1000)]
    if settings.grpc_port:
        from lab.day6_integration.users.rpc import Serving  # only who is asked so needs gRPC

        background.append(Serving(f"{settings.host}:{settings.grpc_port}", find))

    def close() -> None:
        legacy.close()
        cache.close()

    app = service_app(
        "users",
        database,
        Base.metadata,
        messaging,
        optional={"cache": cache.check},
        background=background,
        close=close,
    )

    @app.post("/users", status_code=201)
    def register(registration: Registration) -> UserView:
        user = record.create(registration)
        fact = UserRegistered(user_id=user.id, email=user.email, name=user.name)
        copies.keep(user, lambda transaction: transaction.announce("user.registered", fact, entity=user.id))
        return user

    @app.get("/users/{user_id}")
    def show(user_id: str) -> UserView:
        user = find(user_id)
        if user is None:
            raise Problem(404, "unknown_user", f"There is no user {user_id}.")
        return user

    @app.get("/users")
    def list_users(limit: Annotated[int, Query(ge=1, le=1000)] = 100, after: str = "") -> dict[str, list[UserView]]:
        """In the order of ids; `after` is the last id of the page before."""
        return {"items": copies.page(after, limit)}

    @app.patch("/users/{user_id}")
    def rename(user_id: str, renaming: Renaming) -> UserView:
        copies.doubt(user_id)
        user = record.change(user_id, renaming)
        copies.keep(user)
        return user

    @app.delete("/users/{user_id}", status_code=204)
    def remove(user_id: str) -> Response:
        copies.doubt(user_id)
        record.remove(user_id)
        copies.drop(user_id)
        return Response(status_code=204)

    @app.put("/copies/{user_id}", status_code=204)
    def renew(user_id: str) -> Response:
        """The monolith has changed this user: have a look."""
        copies.renew(user_id)
        return Response(status_code=204)

    return app
