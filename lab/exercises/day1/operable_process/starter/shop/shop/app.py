"""The shop of 1.1, which now tells the mail server of each order. It runs well on its author's machine."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from lab.chassis import problems
from lab.chassis.database import Database
from shop import orders, users
from shop.mail import Mail
from shop.models import Base

log = logging.getLogger(__name__)


def create_app(database_url: str, mail_url: str) -> FastAPI:
    database = Database(database_url)
    mail = Mail(mail_url, timeout=5.0)  # TODO: HTTP_TIMEOUT_MS

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        log.info("the shop is open")
        yield
        mail.close()
        database.close()

    app = FastAPI(title="shop", lifespan=lifespan)
    problems.install(app)
    # TODO: for each request one log line with its X-Request-ID, which goes back in the answer, too.

    @app.get("/readyz")
    def ready() -> dict[str, str]:
        return {"status": "ready"}  # TODO: is it? And GET /healthz, which is another question.

    app.include_router(users.router(database))
    app.include_router(orders.router(database, mail))
    return app
