"""A service's next start: told other variables, on an empty data folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.runtime.api import ControlError
from lab.system.model import Engine, Link, Service, System
from tests.runtime.live import Live, started
from tests.waiting import eventually

TELL = "import json, os, time; print(json.dumps({'msg': 'env', **os.environ}), flush=True); time.sleep(600)"


def teller(name: str, **more: object) -> Service:
    """A service that logs its environment and lives on."""
    return Service(name=name, **{"command": ("python3", "-c", TELL), "ready": "started", **more})  # type: ignore[arg-type]


def told(live: Live, name: str) -> list[dict[str, str]]:
    """The environments that the starts of `name` were given."""
    events = [json.loads(line) for line in live.control.events()]
    return [event["data"] for event in events if event["kind"] == "log" and event["source"] == name]


def test_variables_are_told_at_the_next_start_and_taken_away_again() -> None:
    with started(System(name="toy", services=(teller("back", env={"LIMIT": "1", "MODE": "a"}),))) as live:
        live.ready()
        seen = []
        for variables in ({"LIMIT": "2", "EXTRA": "x=\n"}, {"MODE": "b"}, {}):
            live.control.set_environment("back", variables)
            starts = len(told(live, "back"))
            live.control.act("back", "restart")
            last = eventually(lambda: told(live, "back")[starts:])[0]  # noqa: B023
            seen.append((last["LIMIT"], last["MODE"], last.get("EXTRA")))
        assert seen == [("2", "a", "x=\n"), ("1", "b", None), ("1", "a", None)]


def test_replicas_share_name_and_database() -> None:
    names = ("my-orders-1", "my-orders-2")
    system = System(
        name="toy",
        services=(teller("my-orders", replicas=2),),
        engines=(Engine(name="db", kind="sql"),),
        links=(Link(source="my-orders", target="db", protocol="sql"),),
    )
    with started(system) as live:
        live.ready()
        one, two = (eventually(lambda: told(live, name))[0] for name in names)  # noqa: B023
        assert one["SERVICE_NAME"] == two["SERVICE_NAME"] == "my-orders"
        assert (one["INSTANCE_ID"], two["INSTANCE_ID"]) == ("my-orders-1", "my-orders-2")
        assert one["DATABASE_URL"] == two["DATABASE_URL"]
        assert one["DATABASE_URL"].endswith("/my-orders/my-orders.db")
        assert one["PORT"] != two["PORT"]

        database = Path(one["DATABASE_URL"].removeprefix("sqlite:///"))
        database.touch()
        (database.parent / "sub").mkdir()
        live.control.act("my-orders-1", "stop")
        live.until("my-orders-1", "stopped")
        with pytest.raises(ControlError, match="stop my-orders-2 first"):
            live.control.wipe("my-orders")
        live.control.act("my-orders-2", "stop")
        live.until("my-orders-2", "stopped")
        live.control.wipe("my-orders")
        assert list(database.parent.iterdir()) == []
        with pytest.raises(ControlError, match="db is not started by the lab"):
            live.control.wipe("db")


def test_an_engine_that_is_stopped_is_wiped() -> None:
    with started(System(name="toy", engines=(Engine(name="broker", kind="amqp"),))) as live:
        live.ready()
        data = live.record.folder / "data" / "broker"
        (data / "kept").touch()
        with pytest.raises(ControlError, match="stop broker first"):
            live.control.wipe("broker")
        live.control.act("broker", "stop")
        live.until("broker", "stopped")
        live.control.wipe("broker")
        assert list(data.iterdir()) == []
        live.control.act("broker", "start")
        live.until("broker", "ready")
