"""HTTP: order a report, look at its job, have a failed one tried again. Nothing here waits for a report."""

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
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as create_web_app
from reports.client import ReportClient
from reports.models import Base, Job
from reports.queue import Queue
from reports.worker import Worker


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
    queue = Queue(
        database, attempts=settings.retry_attempts, base=settings.retry_base_ms / 1000, lease=settings.job_lease_s
    )
    worker = Worker(queue, client, threads=2)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        worker.start()
        yield
        await run_in_threadpool(worker.stop, settings.http_timeout_ms / 1000)
        client.close()
        database.close()

    app = create_web_app("reports", Health(required={"database": database.check}), lifespan)

    @app.post("/reports", status_code=202)
    def order(request: ReportRequest, response: Response) -> dict[str, str]:
        return _accepted(response, queue.add(request.user_id))

    @app.get("/jobs/{job_id}")
    def show(job_id: str) -> JobView:
        with database.read() as session:
            job = session.get(Job, job_id)
        if job is None:
            raise Problem(404, "unknown_job", f"There is no job {job_id}.")
        return JobView.model_validate(job)

    @app.post("/jobs/{job_id}/retry", status_code=202)
    def retry(job_id: str, response: Response) -> dict[str, str]:
        if not queue.again(job_id):
            job = show(job_id)
            raise Problem(409, "job_not_failed", f"Job {job_id} is {job.status}.")
        return _accepted(response, job_id)

    return app


def _accepted(response: Response, job_id: str) -> dict[str, str]:
    response.headers["Location"] = f"/jobs/{job_id}"
    return {"job_id": job_id}
