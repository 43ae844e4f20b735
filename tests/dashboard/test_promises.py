"""The panels of a game day: what must hold, and what the faults cost; and both on the card at the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.journal.event import Flow, Log, Note
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import NARROW, WIDE, opened, shown, until
from tests.stamped import fault_change

SYSTEM = replace(shop.SYSTEM, panels=("invariants", "budget", "flows"))


def asked(t: float, status: str = "200", cid: str = "") -> Flow:
    return Flow(
        t=t,
        source="client",
        target="orders",
        link="client->orders",
        protocol="http",
        op="POST /orders",
        status=status,
        ms=10,
        correlation=cid,
    )


def made(t: float, ident: str, cid: str) -> Log:
    return Log(
        t=t, source="orders", event="state", correlation=cid, data={"entity": "order", "id": ident, "state": "pending"}
    )


def ended(log: Log) -> Log:
    log.data["state"] = "confirmed"
    return log


def disturbed() -> FakeRun:
    run = FakeRun([*shop.ready()])
    first = fault_change("latency orders->payments 1s", id="f1", change="added")
    healed = fault_change("latency orders->payments 1s", id="f1", change="healed")
    quiet = fault_change("reset orders->payments", id="f2", change="added")
    first.t, healed.t, quiet.t = 2.0, 3.0, 9.0
    run.feed(made(1.0, "41", "c1"), asked(1.1, "201", "c1"), first, asked(2.5, "503"), healed, quiet, asked(9.5))
    run.feed(made(9.6, "42", "c2"), made(9.7, "43", "c2"))
    return run


@pytest.mark.parametrize("size", [WIDE, NARROW])
async def test_the_lists_say_what_broke_and_which_fault_cost_how_much(size: tuple[int, int]) -> None:
    async with opened(disturbed(), size, SYSTEM) as (app, pilot):
        await until(lambda: "no order is doubled" in shown(app, "list"))
        rows = {line.strip()[:1]: line for line in shown(app, "list").splitlines() if "no order is" in line}
        assert "doubled" in rows["✗"]
        assert "lost" in rows["✓"]
        await pilot.press("2")
        await until(lambda: "1 of 3 bad" in shown(app, "list"))
        lines = shown(app, "list").splitlines()
        assert next(line for line in lines if "f1 latency" in line).split()[0] == "✗"
        assert next(line for line in lines if "f2 reset" in line).split()[0] == "✓"


async def test_the_card_has_the_budget_the_faults_and_the_invariants() -> None:
    run = disturbed()
    ends = fault_change("reset orders->payments", id="f2", change="healed")
    ends.t = 9.8
    settled = [ended(made(9.9, ident, cid)) for ident, cid in (("41", "c1"), ("42", "c2"), ("43", "c2"))]
    over = Note(t=14.0, topic="scenario", text="over", data={"over": True, "scenario": "drill"})
    run.feed(ends, *settled)
    async with opened(run, WIDE, SYSTEM) as (app, _):
        run.feed(over)
        await until(lambda: "drill is over" in shown(app, "page"))
        page = shown(app, "page")
        assert "latency orders->payments 1s: 1 of 1 bad" in page
        assert "nobody noticed: reset orders->payments" in page
        assert "no order is doubled: 1 broke" in page
