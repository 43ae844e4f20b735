"""Panels: a file each, found by its name; a System says which it wants, and nothing else knows them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.dashboard import panels
from lab.dashboard.panel import UnknownPanel, find
from lab.dashboard.panels.entities import Steps
from lab.dashboard.panels.flows import COPIED, RECENT, Flows
from lab.dashboard.panels.logs import Logs
from lab.journal.event import Event, Flow, Log
from tests.dashboard import shop
from tests.dashboard.fakes import FakeRun
from tests.dashboard.test_app import opened, shown, until


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the file lay beside the others."""
    monkeypatch.setattr(panels, "__path__", [*panels.__path__, str(Path(__file__).parent / "toy")])


def read(key: str, hit: bool) -> Flow:
    return Flow(link="orders->redis", protocol="redis", op=f"GET {key}", key=key, hit=hit, t=1.0)


@pytest.mark.usefixtures("toy")
async def test_a_panel_arrives_as_one_file_and_is_shown_by_a_system_that_names_it() -> None:
    system = replace(shop.SYSTEM, panels=("flows", "reads"))
    run = FakeRun([*shop.ready(), read("user:7", hit=False), read("user:7", hit=True)])
    async with opened(run, system=system) as (app, pilot):
        assert " 1 flows 2 reads" in shown(app, "tabs")
        await until(lambda: "user:7: 1 of 2 found" in shown(app, "side"))
        await pilot.press("2")
        await until(lambda: "user:7: 1 of 2 found" in shown(app, "list"))
        run.feed(read("user:8", hit=True))
        await until(lambda: "user:8: 1 of 1 found" in shown(app, "list"))
        await pilot.press("down", "enter")
        await until(lambda: "user:7" in shown(app, "page"))
        await pilot.press("escape", "?", "end")
        assert "which keys are read" in shown(app, "page")


@pytest.mark.usefixtures("toy")
def test_a_panel_that_is_not_there_is_named_with_those_that_are() -> None:
    assert find("reads").title == "reads"
    with pytest.raises(UnknownPanel, match=r"no panel 'rates'; there are .*endpoints, entities, .*faults, .*reads"):
        find("rates")


@pytest.mark.parametrize(
    "name", ["endpoints", "flows", "entities", "queues", "sagas", "lanes", "processes", "logs", "faults"]
)
def test_a_panel_is_called_as_its_file(name: str) -> None:
    assert find(name).name == name


def test_streams_are_bounded_and_a_snapshot_of_one_is_small() -> None:
    flows, logs = Flows(), Logs()
    for number in range(RECENT + 100):
        flows.apply(shop.http("a->b", f"GET /{number}", t=number / 100))
        logs.apply(Log(t=number / 100, source="a", message=str(number)))
    assert len(flows.recent) == RECENT
    assert len(logs.recent) < RECENT
    assert list(flows.copy().recent) == list(flows.recent)[-COPIED:]


def test_a_saga_is_the_order_in_which_its_messages_were_published() -> None:
    events: list[Event] = [
        shop.amqp("orders->broker", "publish order.created", correlation="req-1", routing_key="order.created"),
        shop.amqp("payments->broker", "publish payment.approved", correlation="req-1"),
        shop.http("payments->mail", "POST /", correlation="req-1"),
    ]
    known = Steps()
    for event in events:
        known.apply(event)
    assert known.steps == {"req-1": ("order.created", "payment.approved")}
