"""The panel of background jobs: who holds which, for how long yet, at which attempt, and what became of the others."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from lab.dashboard.panels.jobs import MOST, Jobs
from lab.journal.event import Event, Log, Process
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until


def job(t: float, ident: str, state: str, source: str = "jobs-1", attempts: int = 1, **more: object) -> Log:
    data = {"entity": "job", "id": ident, "state": state, "attempts": attempts, "most": 4, **more}
    return Log(t=t, source=source, event="state", message="…", data=data)


SEEN: list[Event] = [
    Process(t=0.1, source="jobs-1", state="ready"),
    Process(t=0.1, source="jobs-2", state="ready"),
    *(job(1.0, ident, "queued", attempts=0) for ident in ("held", "waits", "again", "fine", "hopeless")),
    job(1.1, "held", "running", lease=4.0),
    job(1.2, "fine", "running", "jobs-2", lease=4.0),
    job(1.3, "fine", "succeeded", "jobs-2"),
    job(1.4, "again", "running", "jobs-2", lease=4.0),
    job(1.5, "again", "queued", "jobs-2", pause=3.0, error="report: status 503"),
    job(1.6, "hopeless", "failed", "jobs-2", attempts=4, error="report: status 503"),
    Process(t=2.0, source="jobs-1", state="ready"),
]


def line(app: object, ident: str) -> str:
    (found,) = [line for line in shown(app, "list").splitlines() if line.startswith(f" {ident}")]  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_each_job_says_who_has_it_and_for_how_long(size: tuple[int, int]) -> None:
    run = FakeRun([*shop.ready(), *SEEN])
    async with opened(run, size, replace(shop.SYSTEM, panels=("jobs", "flows"))) as (app, pilot):
        await until(lambda: "lease" in shown(app, "list"))
        assert "◐ 1 held  ◌ 2 queued  ✕ 1 dead  ● 1 done" in shown(app, "list")
        assert "◐ held" in line(app, "held")
        assert re.search(r"jobs-1, lease [23]\.\d s", line(app, "held"))
        assert "1/4" in line(app, "held")
        assert re.search(r"nobody, again in [12]\.\d s", line(app, "again"))
        assert "✕ dead" in line(app, "hopeless")
        assert "4/4" in line(app, "hopeless")
        listed = [row.split()[0] for row in shown(app, "list").splitlines()[2:] if row.strip()]
        assert listed[:5] == ["held", "waits", "again", "hopeless", "fine"]
        run.feed(Process(t=2.5, source="jobs-1", state="backoff", reason="killed by SIGKILL"))
        run.feed(Process(t=5.6, source="jobs-2", state="ready"))
        await until(lambda: "lease 0.0 s" in line(app, "held"))
        run.feed(job(5.7, "held", "running", "jobs-2", attempts=2, lease=4.0))
        await until(lambda: "jobs-2, lease" in line(app, "held"))
        assert "← jobs-1" in line(app, "held")
        assert "2/4" in line(app, "held")
        await pilot.press("1", "enter")
        await until(lambda: "taken over from jobs-1" in shown(app, "page"))


def test_what_is_no_job_is_none() -> None:
    fold = Jobs()
    fold.apply(Log(t=1.0, source="orders", event="state", data={"entity": "order", "id": "o", "state": "created"}))
    fold.apply(job(1.0, "x", "lit"))
    fold.apply(job(1.0, "", "queued"))
    assert not fold.of
    fold.apply(job(1.0, "x", "running", lease="long", attempts="many"))  # type: ignore[arg-type]
    assert (fold.of["x"].seconds, fold.of["x"].attempts) == (0, 0)


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Jobs()
    fold.apply(job(0.5, "waits", "queued"))
    for n in range(2 * MOST):
        fold.apply(job(1.0, f"j{n}", "running"))
        fold.apply(job(1.0, f"j{n}", "succeeded"))
    assert len(fold.of) == MOST
    assert "waits" in fold.of
    assert fold.counts["succeeded"] == 2 * MOST
    other = fold.copy()
    other.apply(job(2.0, "waits", "running"))
    assert fold.of["waits"].state == "queued"
    assert fold.counts["queued"] == 1
