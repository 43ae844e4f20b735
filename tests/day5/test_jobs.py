"""The queue of jobs: each in one pair of hands at a time, and each to an end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab.chassis.database import Database
from lab.day5_resilience.jobs import queue as jobs
from lab.day5_resilience.jobs.models import Base, Job
from lab.day5_resilience.jobs.queue import ATTEMPTS, Queue


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'jobs.db'}")
    database.create_tables(Base.metadata)
    yield database
    database.close()


def now_of(database: Database, job: Job) -> Job:
    with database.read() as session:
        found = session.get(Job, job.id)
    assert found is not None
    return found


def fail(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """All attempts of the one job that there is, without the pauses between."""
    monkeypatch.setattr(jobs, "BASE", 0.0)
    for _ in range(ATTEMPTS):
        job = queue.take()
        assert job is not None
        queue.stumble(job, "status 503")
    assert queue.take() is None


def test_two_instances_never_take_the_same(database: Database) -> None:
    first, second = Queue(database, "jobs-1"), Queue(database, "jobs-2")
    for number in range(20):
        first.add(f"u{number}")
    with ThreadPoolExecutor(8) as threads:
        taken = [job for job in threads.map(lambda n: (first, second)[n % 2].take(), range(30)) if job]
    assert len({job.id for job in taken}) == len(taken) == 20


def test_after_its_lease_a_job_is_somebody_elses(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = Queue(database, "jobs-1"), Queue(database, "jobs-2")
    first.add("u")
    held = first.take()
    assert held is not None
    assert second.take() is None
    late = time.time() + jobs.LEASE + 1
    monkeypatch.setattr(time, "time", lambda: late)
    again = second.take()
    assert again is not None
    assert again.id == held.id
    first.succeed(held, "report-of-one-who-was-away")
    assert now_of(database, held).status == "running"
    second.succeed(again, "report-1")
    assert now_of(database, held).result == "report-1"


def test_it_ends_failed_or_with_an_older_report(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue(database, "jobs-1")
    lost = queue.add("u")
    fail(queue, monkeypatch)
    ended = now_of(database, lost)
    assert (ended.status, ended.attempts, ended.error) == ("failed", ATTEMPTS, "status 503")
    queue.add("v")
    done = queue.take()
    assert done is not None
    queue.succeed(done, "report-1")
    served = queue.add("v")
    fail(queue, monkeypatch)
    ended = now_of(database, served)
    assert (ended.status, ended.result, ended.fallback) == ("succeeded", "report-1", True)


@pytest.mark.parametrize("jitter", [True, False])
def test_jobs_that_fail_together_come_again_apart_unless_jitter_is_left_out(database: Database, jitter: bool) -> None:
    queue = Queue(database, "jobs-1", jitter=jitter)
    for number in range(12):
        queue.add(f"u{number}")
    taken = [job for _ in range(12) if (job := queue.take())]
    before = time.time()
    for job in taken:
        queue.stumble(job, "status 503")
    after = time.time()
    pauses = [now_of(database, job).due - before for job in taken]
    assert all(0 <= pause <= jobs.BASE + after - before for pause in pauses)
    assert all(pause >= jobs.BASE for pause in pauses) is not jitter
