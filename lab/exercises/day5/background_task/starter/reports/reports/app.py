"""HTTP: order a report, look at its job. So far the report is made while the client waits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.ids import new_id
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from reports.client import NoReport, ReportClient
from reports.models import Base, Job


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    report_url: str
    http_timeout_ms: int = 2000
    retry_attempts: int = 4
    retry_base_ms: int = 200
    job_lease_s: float = 3


class ReportRequest(BaseModel):
    user_id: Annotated[str, Field(min_length=1, max_length=64)]


class JobView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    status: str
    attempts: int
    result: dict[str, Any] | None
    fallback: bool
    error: str | None


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    client = ReportClient(settings.report_url, settings.http_timeout_ms / 1000)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        yield
        client.close()
        database.close()

    app = create_web_app("reports", Health(required={"database": database.check}), lifespan)

    @app.post("/reports", status_code=202)
    def order(request: ReportRequest, response: Response) -> dict[str, str]:
        job = Job(id=new_id(), user_id=request.user_id, status="succeeded", attempts=1, fallback=False)
        try:
            job.result = client.make(request.user_id, job.id)  # TODO: not while the client waits
        except NoReport as error:
            job.status, job.error = "failed", str(error)
        with database.write() as session:
            session.add(job)
        response.headers["Location"] = f"/jobs/{job.id}"
        return {"job_id": job.id}

    @app.get("/jobs/{job_id}")
    def show(job_id: str) -> JobView:
        with database.read() as session:
            job = session.get(Job, job_id)
        if job is None:
            raise Problem(404, "unknown_job", f"There is no job {job_id}.")
        return JobView.model_validate(job)

    # TODO: POST /jobs/{job_id}/retry

    return app
