"""The panel of replicas, the map's box of a replicated service, and the keys that scale it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.dashboard.keys import Refusal, Scale, scaling
from lab.dashboard.panels.replicas import MOST, Replicas
from lab.journal.event import Event, Flow, Process
from lab.system.model import CLIENT, Link, Service, System
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until

SYSTEM = System(
    name="scaled",
    services=(Service(name="catalog", module="c", replicas=2), Service(name="origin", module="o")),
    links=(
        Link(source=CLIENT, target="catalog", protocol="http"),
        Link(source="catalog", target="origin", protocol="http"),
    ),
    panels=("replicas", "flows"),
)


def call(t: float, number: int, ms: float, status: str = "200") -> Flow:
    return Flow(
        t=t, source=CLIENT, target=f"catalog-{number}", link="client->catalog", protocol="http", op="GET /products/1",
        status=status, ms=ms,
    )  # fmt: skip


def state(t: float, number: int, state: str) -> Process:
    return Process(t=t, source=f"catalog-{number}", state=state)


def a_while() -> list[Event]:
    """Three requests of four go to the first instance, which needs half a second for each; one of the second fails."""
    events: list[Event] = [state(0.1, 1, "ready"), state(0.1, 2, "ready")]
    for n in range(60):
        t = 1 + n / 8
        events.append(call(t, 2, 20.0, "503" if n == 3 else "200") if n % 4 == 3 else call(t, 1, 500.0))
    return events


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_panel_shows_who_gets_requests_and_how_each_does(size: tuple[int, int]) -> None:
    run = FakeRun(a_while())
    async with opened(run, size, SYSTEM) as (app, pilot):
        await until(lambda: "catalog-2" in shown(app, "list"))
        rows = {line.split()[0]: line for line in shown(app, "list").splitlines() if line.startswith(" catalog")}
        assert "75%" in rows["catalog-1"]
        assert "25%" in rows["catalog-2"]
        assert rows["catalog-1"].count("█") > 2 * rows["catalog-2"].count("█") > 0
        assert rows["catalog-1"].split()[-1] == "0"
        assert rows["catalog-2"].split()[-1] == "1"
        # Little's law: six requests a second, half a second each, are three at a time.
        assert float(rows["catalog-1"].split()[-2]) == pytest.approx(3, abs=0.2)
        assert all(len(row) <= size[0] for row in shown(app, "list").splitlines())
        assert "● 2/2 ready" in shown(app, "map")

        run.feed(state(9.0, 3, "starting"), state(9.5, 3, "ready"), state(9.6, 2, "stopping"), state(9.8, 2, "removed"))
        await until(lambda: "catalog-3" in shown(app, "list") and "catalog-2" not in shown(app, "list"))
        assert "catalog: 2 instances" in shown(app, "tabs")
        await pilot.press("1", "down", "enter")
        await until(lambda: "share now" in shown(app, "page"))


async def test_keys_scale_the_selected_service() -> None:
    run = FakeRun(a_while())
    run.runs = SYSTEM
    async with opened(run, WIDE, SYSTEM) as (app, pilot):
        await pilot.press("]")
        await until(lambda: ("scale", "catalog", 3) in run.calls)
        await until(lambda: "catalog has 3 instances" in shown(app, "said"))
        await pilot.press("[")
        await until(lambda: ("scale", "catalog", 1) in run.calls)


def test_what_can_be_scaled() -> None:
    for selection in ("catalog", "catalog-2", "client->catalog"):
        assert scaling(selection, SYSTEM, 1) == Scale("catalog", 1)
    refused = scaling("origin", SYSTEM, 1)
    assert isinstance(refused, Refusal)
    assert "catalog" in refused.reason
    none = scaling("orders", shop.SYSTEM, 1)
    assert isinstance(none, Refusal)
    assert "No service" in none.reason


async def test_a_system_without_replicas_says_so() -> None:
    async with opened(FakeRun(shop.ready()), WIDE, replace(shop.SYSTEM, panels=("replicas",))) as (app, _):
        await until(lambda: "No service of this system is replicated" in shown(app, "list"))


def test_the_fold_is_bounded_and_a_copy_is_its_own() -> None:
    fold = Replicas()
    for number in range(2 * MOST):
        fold.apply(call(1.0, number, 5.0))
    assert len(fold.of) == MOST
    other = fold.copy()
    other.apply(call(2.0, 1, 5.0, "503"))
    assert fold.of["catalog-1"].failed == 0
    assert other.of["catalog-1"].meter.total == 2
    assert fold.of["catalog-1"].meter.total == 1
