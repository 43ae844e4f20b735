"""Instances of a replicated service come and go, and whoever visits it meanwhile notices nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from lab.journal.event import Flow, Note, Process
from lab.runtime.api import ControlError
from lab.system.model import CLIENT, Link, Service, System
from tests.runtime.live import Live, alive, shop, started
from tests.waiting import eventually


def keeper(name: str, **more: Any) -> Service:
    return shop(name, module="tests.runtime.toy.keeper", **more)


SYSTEM = System(
    name="toy",
    services=(keeper("front", replicas=1), keeper("back", replicas=1), keeper("single")),
    links=(
        Link(source=CLIENT, target="front", protocol="http"),
        Link(source="front", target="back", protocol="http", env="PROVIDER_URL"),
        Link(source=CLIENT, target="single", protocol="http"),
    ),
)


class Visitor(threading.Thread):
    """Asks again and again on one connection, which it keeps."""

    def __init__(self, url: str, path: str) -> None:
        super().__init__(daemon=True)
        self._parts = urlsplit(url)
        self._path = path
        self._leave = threading.Event()
        self.seen = Counter[str]()

    def run(self) -> None:
        connection = HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=20)
        while not self._leave.is_set():
            try:
                connection.request("GET", self._path)
                answer = connection.getresponse()
                answer.read()
                self.seen[str(answer.status)] += 1
            except (OSError, HTTPException) as error:
                self.seen[repr(error)] += 1
                connection.close()
        connection.close()

    def leave(self) -> None:
        self._leave.set()
        self.join()


@contextmanager
def visited(url: str, path: str, count: int = 4) -> Iterator[list[Visitor]]:
    visitors = [Visitor(url, path) for _ in range(count)]
    for visitor in visitors:
        visitor.start()
    try:
        yield visitors
    finally:
        for visitor in visitors:
            visitor.leave()


def total(visitors: list[Visitor]) -> Counter[str]:
    return sum((visitor.seen for visitor in visitors), Counter[str]())


def served(live: Live, link: str, since: float) -> Counter[str]:
    flows = [event for event in live.events() if isinstance(event, Flow) and event.link == link and event.t > since]
    return Counter(flow.target for flow in flows)


def names(live: Live) -> list[str]:
    return [process.name for process in live.status().processes]


def now(live: Live) -> float:
    return live.status().elapsed


def test_instances_are_added_and_removed_under_traffic_and_nobody_sees_it() -> None:
    with started(SYSTEM) as live:
        live.ready()
        with visited(live.url("client->front"), "/call") as visitors:
            eventually(lambda: total(visitors)["200"] > 20)
            scaled = live.control.scale("front", 3)
            assert (scaled.before, scaled.instances) == (1, ("front-1", "front-2", "front-3"))
            live.control.scale("back", 2)
            for name in ("front-2", "front-3", "back-2"):
                live.until(name, "ready")
            since = now(live)
            eventually(lambda: sum(served(live, "front->back", since).values()) > 60)
            fronts, backs = served(live, "client->front", since), served(live, "front->back", since)
            assert set(fronts) == {"front-1", "front-2", "front-3"}
            assert set(backs) == {"back-1", "back-2"}
            # Connections are kept, and yet each request has its turn.
            assert min(fronts.values()) > 0.7 * max(fronts.values())
            assert min(backs.values()) > 0.7 * max(backs.values())

            pid = live.pid("front-3")
            live.control.scale("front", 1)
            live.control.scale("back", 1)
            eventually(lambda: names(live) == ["front-1", "back-1", "single"])
            assert not alive(pid)
            since = now(live)
            eventually(lambda: served(live, "front->back", since)["back-1"] > 20)
            assert set(served(live, "client->front", since)) == {"front-1"}
        assert set(total(visitors)) == {"200"}
        told = [event.data for event in live.events() if isinstance(event, Note) and event.topic == "scale"]
        assert [(data["service"], data["replicas"]) for data in told] == [
            *(("front", 3), ("back", 2), ("front", 1), ("back", 1)),
        ]
        states = [event.state for event in live.events() if isinstance(event, Process) and event.source == "front-3"]
        assert states[-3:] == ["stopping", "stopped", "removed"]


def test_three_instances_with_few_hands_do_twice_the_work_of_one_at_least() -> None:
    system = System(
        name="toy",
        services=(keeper("front", replicas=1, env={"HANDS": "2"}),),
        links=(Link(source=CLIENT, target="front", protocol="http"),),
    )
    with started(system) as live:
        live.ready()

        def rate() -> float:
            """Answers a second while sixty are given."""
            since = now(live)
            eventually(lambda: sum(served(live, "client->front", since).values()) >= 60)
            return sum(served(live, "client->front", since).values()) / (now(live) - since)

        with visited(live.url("client->front"), "/slow?ms=200", count=12) as visitors:
            eventually(lambda: total(visitors)["200"] > 4)
            one = rate()
            live.control.scale("front", 3)
            live.until("front-2", "ready")
            live.until("front-3", "ready")
            three = rate()
        assert one < 11, "two hands of 200 ms"
        assert three > 2 * one
        assert set(total(visitors)) == {"200"}


def test_an_instance_is_told_what_the_one_before_it_was_told() -> None:
    with started(SYSTEM) as live:
        live.ready()
        live.control.set_environment("back-1", {"INSTANCE_ID": "told"})
        live.control.scale("back", 2)
        url = live.until("back-2", "ready").url
        assert httpx.get(f"{url}/hello").json() == "told"


def test_who_leaves_answers_first_what_it_was_asked() -> None:
    with started(SYSTEM) as live:
        live.ready()
        live.control.scale("front", 2)
        live.until("front-2", "ready")
        with visited(live.url("client->front"), "/slow?ms=900", count=2) as visitors:
            eventually(lambda: live.status().links[0].connections == 2)
            live.control.scale("front", 1)
            eventually(lambda: "front-2" not in names(live))
        assert set(total(visitors)) == {"200"}
        assert served(live, "client->front", 0.0)["front-2"] >= 1


def test_who_is_not_ready_gets_nothing_until_it_is(tmp_path: Path) -> None:
    system = System(
        name="toy",
        services=(keeper("front", replicas=2, env={"DOORS": str(tmp_path)}),),
        links=(Link(source=CLIENT, target="front", protocol="http"),),
    )
    with started(system) as live:
        live.ready()

        def serves_again() -> None:
            since = now(live)
            eventually(lambda: served(live, "client->front", since)["front-2"] > 5)

        with visited(live.url("client->front"), "/hello") as visitors:
            serves_again()
            (tmp_path / "front-2").touch()
            live.until("front-2", "degraded")
            since = now(live)
            eventually(lambda: served(live, "client->front", since)["front-1"] > 20)
            assert served(live, "client->front", since + 0.1)["front-2"] == 0
            (tmp_path / "front-2").unlink()
            serves_again()

            live.control.act("front-2", "restart")
            eventually(lambda: live.process("front-2").restarts == 1)
            serves_again()
        assert set(total(visitors)) == {"200"}


def test_a_frozen_instance_gets_nothing_until_it_is_thawed() -> None:
    with started(SYSTEM.scaled("front", 2)) as live:
        live.ready()
        front = live.url("client->front")
        live.control.act("front-2", "freeze")
        with visited(front, "/hello") as visitors:
            eventually(lambda: served(live, "client->front", 0.0)["front-1"] > 20)
            assert served(live, "client->front", 0.0)["front-2"] == 0
            live.control.act("front-2", "thaw")
            eventually(lambda: served(live, "client->front", 0.0)["front-2"] > 5)
        assert set(total(visitors)) == {"200"}


def test_a_fault_on_a_new_instance_works_and_ends_with_it() -> None:
    with started(SYSTEM) as live:
        live.ready()
        with pytest.raises(ControlError, match="back-2"):
            live.control.add_fault("kill back-2")
        live.control.scale("back", 2)
        pid = live.until("back-2", "ready").pid
        live.control.add_fault("kill back-2")
        eventually(lambda: (again := live.process("back-2")).state == "ready" and again.pid != pid)
        live.control.add_fault("freeze back-2 for ever")
        live.control.scale("back", 1)
        eventually(lambda: names(live) == ["front-1", "back-1", "single"])
        assert live.status().faults == ()
        live.control.act("front-1", "restart")  # which waited for two, once
        live.until("front-1", "ready")


def test_what_cannot_be_is_refused() -> None:
    with started(SYSTEM) as live:
        live.ready()
        for name, replicas, why in (
            ("single", 2, "one process"),
            ("frnt", 2, "front"),
            ("front", 0, "1 to 16"),
            ("front", 99, "1 to 16"),
        ):
            with pytest.raises(ControlError, match=why):
                live.control.scale(name, replicas)
        assert names(live) == ["front-1", "back-1", "single"]
        assert live.control.scale("front", 1).before == 1
