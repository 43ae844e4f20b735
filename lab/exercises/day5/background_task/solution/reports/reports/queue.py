"""The queue: a table that every instance works off. Each step is one transaction, so that a crash leaves a job where
somebody finds it."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from lab.chassis.database import Database
from lab.chassis.ids import new_id
from reports.models import Job

OPEN = ("queued", "running")


@dataclass(frozen=True)
class Claim:
    """A job that is ours for one attempt."""

    job_id: str
    user_id: str
    attempt: int


class Queue:
    def __init__(self, database: Database, *, attempts: int, base: float, lease: float) -> None:
        self._database = database
        self._attempts = attempts
        self._base = base
        self._lease = lease

    def add(self, user_id: str) -> str:
        """A new job; its id."""
        job = Job(id=new_id(), user_id=user_id, status="queued", attempts=0, due=time.time(), fallback=False)
        with self._database.write() as session:
            session.add(job)
        return job.id

    def again(self, job_id: str) -> bool:
        """Queue a job that has failed, with all its attempts. Whether it had failed."""
        with self._database.write() as session:
            job = session.get(Job, job_id, with_for_update=True)
            if job is None or job.status != "failed":
                return False
            job.status, job.attempts, job.due = "queued", 0, time.time()
            job.error, job.finished = None, None
            return True

    def claim(self) -> Claim | None:
        """The job that has waited longest of those that are due, ours until the lease ends. Nobody else gets it: the
        transaction that finds it is the one that marks it."""
        now = time.time()  # not monotonic: the other instance and the next process read it, too
        with self._database.read() as session:
            if session.scalar(_due(now)) is None:
                return None
        with self._database.write() as session:
            job = session.scalar(_due(now).with_for_update(skip_locked=True))
            if job is None:
                return None
            if job.attempts >= self._attempts:  # whoever made the last attempt died of it, or with it
                self._conclude(session, job, "the last attempt was broken off")
                return None
            job.status, job.attempts, job.due = "running", job.attempts + 1, now + self._lease
            return Claim(job.id, job.user_id, job.attempts)

    def succeed(self, claim: Claim, result: dict[str, Any]) -> None:
        with self._database.write() as session:
            if job := _ours(session, claim):
                job.status, job.result, job.finished = "succeeded", result, time.time()

    def fail(self, claim: Claim, error: str, *, final: bool) -> None:
        """The attempt failed: there is another one after a pause, or it was the last."""
        with self._database.write() as session:
            if job := _ours(session, claim):
                job.error = error[:500]
                if final or job.attempts >= self._attempts:
                    self._conclude(session, job, job.error)
                else:
                    pause = random.uniform(0, self._base * 2 ** (job.attempts - 1))
                    job.status, job.due = "queued", time.time() + pause

    def _conclude(self, session: Session, job: Job, error: str) -> None:
        """An older report of the same user is better than none, if one says that it is old."""
        older = select(Job).where(Job.user_id == job.user_id, Job.status == "succeeded", ~Job.fallback)
        last = session.scalar(older.order_by(Job.finished.desc()).limit(1))
        job.error, job.finished = error, time.time()
        if last is None:
            job.status = "failed"
        else:
            job.status, job.fallback, job.result = "succeeded", True, last.result


def _due(now: float) -> Any:
    return select(Job).where(Job.status.in_(OPEN), Job.due <= now).order_by(Job.due).limit(1)


def _ours(session: Session, claim: Claim) -> Job | None:
    """The job, unless our lease ended and somebody else has taken it over."""
    job = session.get_one(Job, claim.job_id, with_for_update=True)
    return job if (job.status, job.attempts) == ("running", claim.attempt) else None
