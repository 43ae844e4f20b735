"""The author gate runs several trials at a time, because most of a grading is waiting."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from lab.course import gate
from lab.course.gate import Planned, Trial
from lab.course.grading import Done, Grading, NotGraded, Task
from lab.grading.model import Assignment

LIMIT = 600.0
"""Seconds until a trial is stopped."""


class Trials:
    """Runs trials, `jobs` at a time; leaving it early stops them, and each cleans up after itself."""

    def __init__(self, jobs: int) -> None:
        self._pool = ThreadPoolExecutor(jobs)
        self._live: set[Grading] = set()
        self._leaving = False

    def __enter__(self) -> Trials:
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving = True
        for grading in list(self._live):
            grading.interrupt()
        self._pool.shutdown(cancel_futures=True)

    def run(self, planned: Sequence[Planned]) -> Iterator[Trial]:
        """The trials, each as soon as it is over."""
        futures = [
            self._pool.submit(gate.trial, exercise, variant, self._grade, seed) for exercise, variant, seed in planned
        ]
        for future in as_completed(futures):
            yield future.result()

    def _grade(self, assignment: Assignment, seed: int, only: Sequence[str]) -> Done:
        with tempfile.TemporaryDirectory(prefix="lab-dev-") as records, Grading() as grading:
            self._live.add(grading)
            overdue = threading.Timer(LIMIT, grading.interrupt)
            overdue.start()
            try:
                if self._leaving:
                    raise NotGraded("broken off")
                return grading.grade(
                    Task(assignment=assignment, seed=seed, records=records, only=tuple(only), traces=True)
                )
            finally:
                overdue.cancel()
                self._live.discard(grading)
