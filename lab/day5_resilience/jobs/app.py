"""HTTP: ask for a report, look how far it is. Nobody waits for it here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool

from lab.chassis.database import Database
from lab.chassis.health import Health
from lab.chassis.problems import Problem
from lab.chassis.settings import ServiceSettings
from lab.chassis.web import create_app as web_app
from lab.day5_resilience.calls.neighbour import Neighbour
from lab.day5_resilience.calls.protections import Protections
from lab.day5_resilience.jobs.models import Base, Job
from lab.day5_resilience.jobs.queue import Queue
from lab.day5_resilience.jobs.worker import Worker


@dataclass(frozen=True, kw_only=True)
class Settings(ServiceSettings):
    database_url: str
    report_url: str
    without: str = ""


class ReportRequest(BaseModel):
    user_id: str


class Accepted(BaseModel):
    job_id: str


class JobView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: str
    status: str
    attempts: int
    result: str
    fallback: bool
    error: str


def create_app(settings: Settings) -> FastAPI:
    database = Database(settings.database_url)
    # An attempt is over before its lease is: else two instances would do one job side by side.
    on = Protections.without(settings.without)
    report = Neighbour("report", settings.report_url, on, timeout=3.0)
    queue = Queue(database, settings.instance_id, jitter=on.jitter)
    worker = Worker(queue, report)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await run_in_threadpool(database.create_tables, Base.metadata)
        worker.start()
        yield
        await run_in_threadpool(worker.stop)
        await run_in_threadpool(report.close)
        await run_in_threadpool(database.close)

    app = web_app("jobs", Health(required={"database": database.check}), lifespan)

    @app.post("/reports", status_code=202)
    def ask(request: ReportRequest, response: Response) -> Accepted:
        job = queue.add(request.user_id)
        response.headers["Location"] = f"/jobs/{job.id}"
        return Accepted(job_id=job.id)

    @app.get("/jobs/{job_id}")
    def show(job_id: str) -> JobView:
        with database.read() as session:
            job = session.get(Job, job_id)
        if job is None:
            raise Problem(404, "unknown_job", f"There is no job {job_id}.")
        return JobView.model_validate(job)

    return app
