from __future__ import annotations

from dataclasses import replace

import pytest

from lab.dashboard.panels.regions import RECENT, Regions
from lab.journal.event import Event, Flow, Log
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until


def visit(t: float, op: str, status: str = "200", region: str = "orders") -> Flow:
    link = f"client->{region}"
    return Flow(t=t, source="client", target=region, link=link, protocol="http", op=op, status=status, ms=2.0)


def line(t: float, event: str, **data: object) -> Log:
    return Log(t=t, source="orders", event=event, message="…", data={"id": "7", "versions": {"orders": 1}, **data})


def conflict(t: float, region: str = "orders", user: str = "7") -> Log:
    data = {"id": user, "versions": {"orders": 1}, "kept": "Aziz", "dropped": "Bobur", "by": "orders"}
    return Log(t=t, source=region, event="conflict", message="…", data=data)


SEEN: list[Event] = [
    *(visit(1.0, "GET /users/7") for _ in range(3)),
    *(visit(1.0, "GET /users/7", "503") for _ in range(2)),
    visit(1.1, "PUT /users/7"),
    *(visit(1.1, "PUT /users/7", "503") for _ in range(4)),
    line(1.2, "read", behind_s=0.4, told_stale=False),
    Log(t=1.5, source="orders", event="peer", message="…", data={"peer": "payments", "reached": False}),
    line(2.0, "read", behind_s=3.4, told_stale=True),
    conflict(2.5),
]


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_a_region_shows_what_it_answers_refuses_and_misses(size: tuple[int, int]) -> None:
    run = FakeRun([*shop.ready(), *SEEN, visit(2.6, "GET /users/7", region="payments")])
    async with opened(run, size, replace(shop.SYSTEM, panels=("regions", "flows"))) as (app, pilot):
        await until(lambda: "cut off" in shown(app, "list"))
        (region,) = [row for row in shown(app, "list").splitlines() if row.split()[:2] == ["orders", "✕"]]
        assert region.split()[-7:] == ["6", "1", "3.4", "s", "1", "3", "1"]
        assert "payments" not in shown(app, "list"), "whoever shows no versions is no region"
        assert "≠ 7 “Aziz” stays, “Bobur” goes" in shown(app, "list")
        run.feed(Log(t=3.0, source="orders", event="peer", message="…", data={"peer": "payments", "reached": True}))
        await until(lambda: "● in touch" in shown(app, "list"))
        await pilot.press("1", "enter")
        await until(lambda: "1 answered, 4 refused" in shown(app, "page"))
        assert "3 answered, 2 refused" in shown(app, "page")


def test_a_conflict_that_both_regions_find_is_one() -> None:
    fold = Regions()
    fold.apply(conflict(1.0, "orders"))
    fold.apply(conflict(1.1, "payments"))
    assert len(fold.conflicts) == 1
    assert fold.of["orders"].conflicts == fold.of["payments"].conflicts == 1


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Regions()
    for n in range(2 * RECENT):
        fold.apply(conflict(1.0, user=str(n)))
    assert len(fold.conflicts) == RECENT
    other = fold.copy()
    other.apply(visit(2.0, "GET /users/1"))
    other.apply(conflict(2.0, user="x"))
    assert fold.of["orders"].reads == 0
    assert fold.conflicts[-1].user != "x"


@pytest.mark.parametrize("data", [{"versions": 7}, {"versions": None}, {"behind_s": "x"}, {"id": None, "kept": 3}])
def test_what_a_service_says_wrongly_does_no_harm(data: dict[str, object]) -> None:
    fold = Regions()
    for event in ("read", "written", "conflict", "peer"):
        fold.apply(line(1.0, event, **data))
    assert fold.of["orders"].behind == 0
