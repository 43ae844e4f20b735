"""HTTP: take a mail, and look at what was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Header
from pydantic import BaseModel, Field
from sqlalchemy import Integer, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from lab.day3_events.stub import Behaviours


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str = "sqlite:///mail.db"


class Base(DeclarativeBase):
    pass


class Mail(Base):
    """One a key. `requests` counts how often it was handed in."""

    __tablename__ = "mails"

    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    order_id: Mapped[str] = mapped_column(String(64), index=True)
    user_id: Mapped[str] = mapped_column(String(64))
    template: Mapped[str] = mapped_column(String(64))
    requests: Mapped[int] = mapped_column(Integer, default=1)


class MailRequest(BaseModel):
    user_id: Annotated[str, Field(min_length=1)]
    template: Annotated[str, Field(min_length=1)]
    order_id: Annotated[str, Field(min_length=1)]


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    behaviours = Behaviours()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        database.close()

    app = create_web_app("mail server", Health(required={"store": database.check}), lifespan)
    app.include_router(behaviours.router())

    @app.post("/notify", status_code=202)
    async def notify(request: MailRequest, idempotency_key: Annotated[str, Header()]) -> dict[str, Any]:
        deed = await behaviours.before(request.order_id)
        if deed == "decline":
            raise Problem(422, "undeliverable", "There is no such mailbox.")
        sent = await run_in_threadpool(_send, database, idempotency_key, request)
        await behaviours.after(deed)
        return sent

    @app.get("/mails")
    def mails(order_id: str = "") -> dict[str, Any]:
        """What was sent (about one order, or all), and how many requests that took."""
        found = select(Mail).where(Mail.order_id == order_id) if order_id else select(Mail)
        with database.read() as session:
            items = [_view(mail) for mail in session.scalars(found)]
        return {"items": items, "requests": sum(item["requests"] for item in items)}

    return app


def _send(database: Database, key: str, request: MailRequest) -> dict[str, Any]:
    with database.write() as session:
        mail = session.get(Mail, key)
        if mail is None:
            mail = Mail(key=key, requests=1, **request.model_dump())
            session.add(mail)
        else:
            mail.requests += 1
        return _view(mail)


def _view(mail: Mail) -> dict[str, Any]:
    return {
        "key": mail.key,
        "order_id": mail.order_id,
        "user_id": mail.user_id,
        "template": mail.template,
        "requests": mail.requests,
    }
