"""The frame of a service that has a database and takes part in the messaging."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Protocol

from fastapi import FastAPI
from sqlalchemy import MetaData
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Check, Health
from lab.chassis.messaging import TABLES, Messaging
from lab.chassis.web import create_app


class Background(Protocol):
    """A thread of the service's own."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


def service_app(
    title: str,
    database: Database,
    tables: MetaData,
    messaging: Messaging,
    *,
    optional: Mapping[str, Check] = MappingProxyType({}),
    background: Sequence[Background] = (),
    close: Callable[[], None] = lambda: None,
) -> FastAPI:
    """An app that creates its tables and starts messaging (and `background`) with itself, and stops them with itself.

    Without its database the service is unready. Without the broker it is degraded only: requests are answered, and
    what there is to announce waits in the outbox. So it is without what the `optional` checks look after.
    """

    def start() -> None:
        database.create_tables(tables, *TABLES)
        messaging.start()
        for thread in background:
            thread.start()

    def stop() -> None:
        for thread in background:
            thread.stop()
        messaging.stop()
        close()
        database.close()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(start)
        yield
        await run_in_threadpool(stop)

    health = Health(required={"database": database.check}, optional={**messaging.checks, **optional})
    app = create_app(title, health, lifespan)
    app.include_router(messaging.router())
    return app
