"""The panel shapes: two shapes beside each other, and who imports whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.course import systems
from lab.journal.event import Event, Flow, Process
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until

SYSTEM = replace(systems.find("day1", {"shape": "both"}), panels=("shapes", "flows"))


def call(t: float, shop: str, op: str, ms: float) -> Flow:
    return Flow(t=t, source="client", target=shop, link=f"client->{shop}", protocol="http", op=op, ms=ms, status="200")


def some() -> list[Event]:
    ready = [Process(t=0.1, source=name, state="ready") for name in ("monolith", "modular", "mail")]
    quiet = [call(1 + n / 10, shop, "GET /users/7", 5.0) for n in range(20) for shop in ("monolith", "modular")]
    return [*ready, *quiet, call(4, "monolith", "GET /report", 900), call(4.1, "monolith", "GET /users/7", 400)]


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_what_differs_stands_side_by_side(size: tuple[int, int]) -> None:
    async with opened(FakeRun(some()), size, SYSTEM) as (app, pilot):
        await pilot.press("1", "z")
        await until(lambda: "blast radius" in shown(app, "list"))
        text = shown(app, "list")
        rows = {line[:29].strip(): line[29:].split() for line in text.splitlines()}
        assert rows[""] == ["monolith", "modular"]
        assert rows["deploy units"] == ["1", "1"]
        assert rows["half of the requests"] == ["5", "ms", "5", "ms"]
        assert rows["slow endpoint"] == ["GET", "/report", "0.9", "s", "-"]
        assert rows["blast radius"] == ["1", "of", "1,", "×80", "-"]
        assert rows["imports across walls"] == ["no", "walls", "2,", "0", "around", "a", "face"]
        assert rows["functions over two tables"] == ["3", "0"]
        assert "notifications  orders  reports  users" in text
        await pilot.press(*["down"] * 7, "enter")
        await until(lambda: "goes through what a module shows" in shown(app, "page"))
        assert "●" in shown(app, "page")


async def test_without_a_request_there_is_nothing_to_compare() -> None:
    async with opened(FakeRun(some()[:3]), system=SYSTEM) as (app, _):
        await until(lambda: "No visitor has asked" in shown(app, "list"))
