"""Taking jobs and giving them back, so that each is in one pair of hands at a time."""

from __future__ import annotations

import logging
import random
import time

from sqlalchemy import select, update

from lab.chassis.database import Database, rows_of
from lab.chassis.ids import new_id
from lab.day5_resilience.jobs.models import Job, Status

log = logging.getLogger(__name__)

LEASE = 4.0
"""Seconds for which a job is its holder's: longer than one attempt may take, short enough to be waited for. The clock
is the wall's, for instances compare its times, and monotonic clocks of two machines have nothing in common."""
ATTEMPTS = 4
BASE, CAP = 0.5, 4.0


class Queue:
    """The jobs as one instance sees them. What it takes is told apart by a name that is new each time: an instance that
    was frozen and comes back has no say in a job that another took over."""

    def __init__(self, database: Database, instance: str, *, jitter: bool = True) -> None:
        self._database, self._instance, self._jitter = database, instance, jitter

    def add(self, user_id: str) -> Job:
        job = Job(id=new_id(), user_id=user_id, status="queued", due=time.time())
        with self._database.write() as session:
            session.add(job)
        self._tell(job, "queued")
        return job

    def take(self) -> Job | None:
        """A job that is due, now ours for LEASE seconds. One transaction that writes looks and takes: two instances
        cannot find the same job."""
        now = time.time()
        with self._database.write() as session:
            due = select(Job).where(Job.status.in_(("queued", "running")), Job.due <= now).order_by(Job.due).limit(1)
            job = session.scalars(due.with_for_update(skip_locked=True)).first()
            if job is None:
                return None
            job.status, job.due, job.attempts = "running", now + LEASE, job.attempts + 1
            job.holder = f"{self._instance} {new_id()}"
        self._tell(job, "running", lease=LEASE)
        return job

    def succeed(self, job: Job, result: str, *, fallback: bool = False) -> None:
        self._end(job, "succeeded", result=result, fallback=fallback, error="")

    def stumble(self, job: Job, error: str) -> None:
        """An attempt failed: again after a pause, or else what an older job of this user made, or the end."""
        if job.attempts < ATTEMPTS:
            step = min(CAP, BASE * 2 ** (job.attempts - 1))
            pause = random.uniform(0, step) if self._jitter else step
            self._end(job, "queued", due=time.time() + pause, error=error[:500], pause=pause)
        elif older := self._older(job):
            self.succeed(job, older, fallback=True)
        else:
            self._end(job, "failed", error=error[:500])

    def _end(self, job: Job, status: Status, *, pause: float = 0.0, **values: object) -> None:
        """Write it down, if the job is still ours."""
        with self._database.write() as session:
            ours = update(Job).where(Job.id == job.id, Job.holder == job.holder, Job.status == "running")
            if not rows_of(session, ours.values(status=status, holder="", **values)):
                log.warning("job %s was taken over; what we did is dropped", job.id, extra={"event": "overtaken"})
                return
        self._tell(job, status, pause=round(pause, 2), **values)

    def _older(self, job: Job) -> str:
        with self._database.read() as session:
            made = select(Job.result).where(Job.user_id == job.user_id, Job.status == "succeeded").limit(1)
            return session.scalars(made).first() or ""

    def _tell(self, job: Job, status: Status, **values: object) -> None:
        line = {"event": "state", "entity": "job", "id": job.id, "state": status, "attempts": job.attempts}
        log.info("job %s is %s", job.id, status, extra={**line, "most": ATTEMPTS, **values})
