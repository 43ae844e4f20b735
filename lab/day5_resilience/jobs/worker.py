"""The thread that does jobs, one after the other."""

from __future__ import annotations

import logging
import threading

from lab.chassis.ids import correlated
from lab.day5_resilience.calls.neighbour import Neighbour, Unavailable
from lab.day5_resilience.jobs.models import Job
from lab.day5_resilience.jobs.queue import Queue

log = logging.getLogger(__name__)

BREATH = 0.25
"""Seconds between looks at an empty queue."""


class Worker:
    def __init__(self, queue: Queue, report: Neighbour) -> None:
        self._queue, self._report = queue, report
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What is under way may end; if it does not, its lease does."""
        self._over.set()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                job = self._queue.take()
                if job is not None:
                    self._do(job)
                    continue
            except Exception:  # the queue goes on, whatever one job or one moment of the database was
                log.exception("unforeseen error of the worker")
            self._over.wait(BREATH)

    def _do(self, job: Job) -> None:
        """One attempt. Its key is the job's id: who repeats it, and be it another instance, gets the same report."""
        with correlated(job.id):
            try:
                answer = self._report.post("/reports", {"user_id": job.user_id}, key=job.id)
            except Unavailable as reason:
                self._queue.stumble(job, str(reason))
            else:
                self._queue.succeed(job, answer.json()["id"])
