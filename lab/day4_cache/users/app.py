"""HTTP: look at a user, write one. What a region does by itself while it cannot reach the other one is a choice.

- `availability`: everything. Reads say how old they may be, and writes may conflict.
- `consistency`: nothing, unless it is the primary, which has the only say. The other one asks it each time.
- `per-operation`: reads are answered as with `availability`, writes are done as with `consistency`.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import FastAPI, Header, Query
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings, SettingsError
from lab.chassis.web import create_app as web_app
from lab.day4_cache.users.models import Base, furnish
from lab.day4_cache.users.peer import Changes, Peer, Unreachable
from lab.day4_cache.users.replication import Replication
from lab.day4_cache.users.store import Store
from lab.day4_cache.users.versions import Record

T = TypeVar("T")

ALONE: dict[str, frozenset[str]] = {
    "availability": frozenset({"read", "write"}),
    "per-operation": frozenset({"read"}),
    "consistency": frozenset(),
}
"""What a region that is not the primary does by itself."""
STALE_AFTER = 1.5
"""Seconds without news of the other region, after which an answer is called stale: three times nothing was heard."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    """The region is called as the service is."""

    database_url: str
    peer_url: str
    peer: str
    primary: str
    prefer: str = "availability"
    replicate_ms: int = 500


class Naming(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=200)]


class UserView(BaseModel):
    """`as_of`: what was written anywhere by then is in this answer (None: nobody knows); `stale`: that is long ago."""

    id: str
    name: str
    stale: bool
    as_of: str | None


def create_app(settings: Settings) -> FastAPI:
    if settings.prefer not in ALONE:
        raise SettingsError(f"PREFER={settings.prefer!r} is not one of {', '.join(ALONE)}")
    region, has_the_say = settings.service_name, settings.service_name == settings.primary
    alone = ALONE[settings.prefer]
    database = Database(settings.database_url)
    store = Store(database, region)
    peer = Peer(settings.peer_url)
    replication = Replication(store, peer, settings.peer, settings.replicate_ms / 1000)

    def start() -> None:
        database.create_tables(Base.metadata)
        furnish(database)
        replication.start()

    def stop() -> None:
        replication.stop()
        peer.close()
        database.close()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(start)
        yield
        await run_in_threadpool(stop)

    health = Health(required={"database": database.check}, optional={settings.peer: replication.check})
    app = web_app(region, health, lifespan)

    def behind() -> float:
        """How many seconds of the other region's writes may be missing here. Where one region has the only say, it
        misses nothing, and neither does whoever has just asked it."""
        shared = "write" in alone
        return replication.behind() if shared or not has_the_say else 0.0

    def primary(ask: Callable[[], T], what: str) -> T:
        """What the primary says. Raises Problem: at once while it is known to be out of reach."""
        if not replication.reached:
            raise _partitioned(settings.peer, what, "Nothing was done.")
        try:
            return ask()
        except Unreachable as error:
            log.warning("%s cannot be asked: %s", settings.peer, error)
            raise _partitioned(settings.peer, what, "What became of it is not known here.") from None

    @app.get("/users/{user_id}")
    def show(user_id: str) -> UserView:
        if has_the_say or "read" in alone:
            record, seconds = local(user_id), behind()
        else:
            record, seconds = primary(lambda: peer.find(user_id), "read"), 0.0
        if record is None:
            raise _unknown(user_id)
        return _view(record, seconds)

    @app.put("/users/{user_id}")
    def write(user_id: str, naming: Naming) -> UserView:
        if has_the_say or "write" in alone:
            return _view(written(user_id, naming.name), behind())
        return _view(primary(lambda: peer.write(user_id, naming.name), "written"), 0.0)

    @app.get("/records/{user_id}")
    def record_of(user_id: str) -> Record:
        """For the other region: what is known here."""
        record = local(user_id)
        if record is None:
            raise _unknown(user_id)
        return record

    @app.put("/records/{user_id}")
    def write_for(user_id: str, naming: Naming, valid_until: Annotated[float, Header()]) -> Record:
        """For the other region, which waits until then."""
        if time.time() > valid_until:
            raise Problem(408, "too_late", "Whoever asked for it does not wait any more; nothing was done.")
        return written(user_id, naming.name)

    @app.get("/changes")
    def changes(after: Annotated[int, Query(ge=0)] = 0, limit: Annotated[int, Query(ge=1, le=1000)] = 200) -> Changes:
        """For the other region: what was written here since."""
        items, upto = store.changes(after, limit)
        return Changes(items=items, upto=upto)

    def local(user_id: str) -> Record | None:
        began, seconds = time.perf_counter(), behind()
        record = store.find(user_id)
        if record is not None:
            ms = round((time.perf_counter() - began) * 1000, 1)
            behind_s = None if seconds == math.inf else round(seconds, 1)
            _tell("read", record, ms=ms, behind_s=behind_s, told_stale=seconds > STALE_AFTER)
        return record

    def written(user_id: str, name: str) -> Record:
        record = store.write(user_id, name)
        _tell("written", record)
        return record

    return app


def _view(record: Record, seconds: float) -> UserView:
    as_of = None
    if seconds != math.inf:
        then = datetime.fromtimestamp(time.time() - seconds, UTC)
        as_of = then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return UserView(id=record.id, name=record.name, stale=seconds > STALE_AFTER, as_of=as_of)


def _tell(event: str, record: Record, **more: object) -> None:
    """Which versions were shown or promised: whoever compares the lines of both regions sees what was stale."""
    told = {"event": event, "entity": "user", "id": record.id, "versions": record.versions, **more}
    log.info("user %s is %s", record.id, event, extra=told)


def _unknown(user_id: str) -> Problem:
    return Problem(404, "unknown_user", f"There is no user {user_id}.")


def _partitioned(primary: str, what: str, outcome: str) -> Problem:
    detail = f"It cannot be {what} here without {primary}, which is out of reach. {outcome}"
    return Problem(503, "partitioned", detail, headers={"Retry-After": "1"})
