"""A service with replicas: several processes, one service, and a balancer before them."""

from __future__ import annotations

from collections import Counter
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from lab.journal.event import FaultChange, Flow
from lab.runtime.api import ControlError
from lab.system.model import CLIENT, Link, System
from tests.runtime.live import Live, shop, started
from tests.waiting import eventually

SYSTEM = System(
    name="toy",
    services=(shop("front", replicas=2), shop("back", replicas=3)),
    links=(
        Link(source=CLIENT, target="front", protocol="http"),
        Link(source=CLIENT, target="back-2", protocol="http"),
        Link(source="front", target="back", protocol="http", env="PROVIDER_URL"),
    ),
)


def get(url: str, path: str) -> int:
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    finally:
        connection.close()


def flows(live: Live, link: str) -> list[Flow]:
    return [event for event in live.events() if isinstance(event, Flow) and event.link == link]


def test_connections_are_dealt_out_and_each_flow_names_its_instances() -> None:
    with started(SYSTEM) as live:
        live.ready()
        assert [process.name for process in live.status().processes] == [
            *("front-1", "front-2"),
            *("back-1", "back-2", "back-3"),
        ]
        assert len({live.pid(process.name) for process in live.status().processes}) == 5
        front = live.url("client->front")
        assert [get(front, "/call") for _ in range(6)] == [200] * 6
        eventually(lambda: len(flows(live, "front->back")) == 6)
        assert Counter(flow.target for flow in flows(live, "client->front")) == {"front-1": 3, "front-2": 3}
        between = flows(live, "front->back")
        assert Counter(flow.source for flow in between) == {"front-1": 3, "front-2": 3}
        assert Counter(flow.target for flow in between) == {"back-1": 2, "back-2": 2, "back-3": 2}
        assert len({flow.conn for flow in between}) == 6, "connections are counted over all taps of a link"

        assert get(live.url("client->back-2"), "/hello") == 200
        assert [flow.target for flow in flows(live, "client->back-2")] == ["back-2"]


def test_who_is_gone_gets_nothing_and_a_fault_on_the_link_is_on_all_of_its_taps() -> None:
    with started(SYSTEM) as live:
        live.ready()
        front = live.url("client->front")
        live.control.act("back-1", "stop")
        live.until("back-1", "stopped")
        live.control.add_fault("freeze back-2 for ever")
        assert [get(front, "/call") for _ in range(4)] == [200] * 4
        assert {flow.target for flow in flows(live, "front->back")} == {"back-3"}

        fault = live.control.add_fault("latency front->back 30ms for ever")
        assert [get(front, "/call") for _ in range(2)] == [200] * 2
        eventually(lambda: len(flows(live, "front->back")) == 6)
        slowed = [flow for flow in flows(live, "front->back") if flow.faults == (fault.id,)]
        assert sorted(flow.source for flow in slowed) == ["front-1", "front-2"]


def test_the_name_of_the_service_means_all_its_instances() -> None:
    with started(SYSTEM) as live:
        live.ready()
        pids = {name: live.pid(name) for name in ("back-1", "back-2", "back-3", "front-1")}
        assert live.control.add_fault("freeze back for ever").victims == 3
        assert [live.process(f"back-{number}").state for number in (1, 2, 3)] == ["frozen"] * 3
        live.control.heal()
        eventually(lambda: all(live.process(f"back-{number}").state == "ready" for number in (1, 2, 3)))
        slow = live.control.add_fault("slow-start back 300ms for ever")
        assert live.control.add_fault("kill back").victims == 3
        eventually(
            lambda: all(
                (now := live.process(f"back-{number}")).state == "ready" and now.pid != pids[f"back-{number}"]
                for number in (1, 2, 3)
            )
        )
        assert live.pid("front-1") == pids["front-1"]
        changes = [event for event in live.events() if isinstance(event, FaultChange) and event.id == slow.id]
        assert (changes[-1].change, changes[-1].victims) == ("expired", 3), "it held each of them once"
        with pytest.raises(ControlError, match="bakc"):
            live.control.add_fault("kill bakc")
