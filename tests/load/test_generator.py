"""The generator as the runtime runs it: a process with LAB_LOAD, rates on stdin, reports on stdout."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence

import msgspec
import pytest

from lab.journal.event import Load, from_line
from lab.load import visitors
from lab.load.report import Tally
from lab.system.model import Journey, Request
from tests.brokers import free_port
from tests.load.site import Site, site
from tests.waiting import aeventually, eventually

REGISTER = Journey(
    name="register",
    requests=(Request(method="POST", service="shop", path="/users", json={"n": "{n}"}, save={"user": "id"}),),
)
ORDER = Journey(
    name="order",
    weight=3,
    requests=(
        Request(method="POST", service="shop", path="/orders", json={"user": "{pick:user}", "key": "{uuid}"}),
        Request(method="GET", service="shop", path="/orders"),
    ),
)
BUY = Journey(
    name="buy",
    weight=3,
    requests=(Request(method="POST", service="shop", path="/orders", json={"key": "{uuid}"}),),
)
"""Picks from no pool, so nothing about it depends on how soon somebody's registration was answered."""


class Process:
    """A generator process and what it reported."""

    def __init__(self, url: str, journeys: Sequence[Journey], rate: float, seed: int = 1) -> None:
        task = {"journeys": journeys, "seed": seed, "rate": rate, "urls": {"shop": url}}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lab.load"],
            env=os.environ | {"LAB_LOAD": msgspec.json.encode(task).decode()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.reports: list[Load] = []
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = from_line(line)
            assert isinstance(event, Load)
            self.reports.append(event)

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(10)
        self.reader.join(5)
        return code


@pytest.fixture
def web() -> Iterator[Site]:
    with site() as found:
        yield found


def run(web: Site, journeys: Sequence[Journey], rate: float, seed: int = 1, visits: int = 20) -> Process:
    """A generator that has made so many requests, has reported, and was stopped."""
    process = Process(web.url, journeys, rate, seed)
    try:
        eventually(lambda: len(web.seen) >= visits and process.reports, 30)
    finally:
        assert process.stop() == 0
    return process


def test_it_visits_and_reports_and_ends_when_told(web: Site) -> None:
    process = run(web, [REGISTER, ORDER], rate=20, visits=40)
    last = process.reports[-1]
    assert last.rate == 20
    assert last.sent >= last.ok + last.failed >= last.ok > 0
    assert len(process.reports) >= 2  # one a second, and one at the end
    assert any(report.p50 is not None and report.p99 is not None for report in process.reports)


def test_who_picks_from_an_empty_pool_fills_it_first(web: Site) -> None:
    run(web, [ORDER, REGISTER], rate=20)
    assert web.seen[0][1] == "/users"
    picked = {body["user"] for _, path, body, _ in web.seen if path == "/orders" and body}
    assert picked
    assert all(value.startswith("id") for value in picked)


def test_every_request_has_an_id_of_its_own(web: Site) -> None:
    run(web, [REGISTER, ORDER], rate=30, visits=30)
    ids = [ident for *_, ident in web.seen]
    assert len(set(ids)) == len(ids)
    assert all(ident.startswith("load-") for ident in ids)


def test_the_same_seed_makes_the_same_visitors(web: Site) -> None:
    def visits(seed: int) -> dict[str, str]:
        web.seen.clear()
        run(web, [REGISTER, BUY], rate=50, seed=seed, visits=60)
        return {ident: f"{path} {(body or {}).get('key')}" for _, path, body, ident in web.seen}

    first, second, other = visits(3), visits(3), visits(4)
    common = first.keys() & second.keys()
    assert len(common) > 30
    assert all(first[ident] == second[ident] for ident in common)
    assert any(first[ident] != other.get(ident) for ident in common)


def test_the_rate_can_be_changed_and_nonsense_changes_nothing(web: Site) -> None:
    process = Process(web.url, [REGISTER], rate=0)
    try:
        eventually(lambda: process.reports, 20)
        assert web.seen == []
        process.tell("faster!")
        process.tell('{"rate": 40}')
        eventually(lambda: len(web.seen) > 20 and process.reports[-1].rate == 40, 20)
        process.tell('{"rate": 0}')
        eventually(lambda: quiet(process.reports[-1]), 20)
        sent = process.reports[-1].sent
        later = len(process.reports) + 2
        eventually(lambda: len(process.reports) >= later, 10)
        assert process.reports[-1].sent == sent == len(web.seen)
    finally:
        assert process.stop() == 0


def test_visitors_are_sent_on_a_journey_at_once(web: Site) -> None:
    seldom = Journey(
        name="seldom",
        weight=0,
        requests=(
            Request(method="POST", service="shop", path="/users", json={}, save={"own": "id"}),
            Request(method="GET", service="shop", path="/users/{own:own}"),
        ),
    )
    process = Process(web.url, [REGISTER, seldom], rate=0)
    try:
        eventually(lambda: process.reports, 20)
        process.tell('{"send": "seldom", "times": 5}')
        eventually(lambda: len(web.seen) == 10, 20)
    finally:
        assert process.stop() == 0
    asked = {path for method, path, *_ in web.seen if method == "GET"}
    assert len(asked) == 5, "each asks for its own"


def quiet(report: Load) -> bool:
    return report.rate == 0 and report.sent == report.ok + report.failed


def test_a_slow_site_does_not_slow_the_visitors_down(web: Site) -> None:
    web.delay = 1.0
    process = Process(web.url, [REGISTER], rate=20)
    try:
        eventually(lambda: web.seen, 20)
        began = time.monotonic()
        eventually(lambda: len(web.seen) >= 21, 20)
        # A closed loop of one visitor would need twenty seconds; twenty a second arrive all the same.
        assert time.monotonic() - began < 10
        eventually(lambda: (process.reports[-1].p50 or 0) >= 1000 if process.reports else False, 10)
    finally:
        assert process.stop() == 0


async def test_visitors_on_top_of_the_limit_are_turned_away_and_counted(
    web: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitors, "MAX_IN_FLIGHT", 5)
    web.delay = 0.5
    tally = Tally()
    crowd = visitors.Visitors([REGISTER], {"shop": web.url}, 1, tally)
    for number in range(20):
        crowd.send(number, time.monotonic())
    await aeventually(lambda: tally.report(0).ok == 5, 20)
    assert tally.report(0).dropped == 15
    crowd.send(20, time.monotonic())
    await aeventually(lambda: tally.report(0).ok == 6, 20)
    await crowd.close()


def test_failures_are_counted(web: Site) -> None:
    web.status = 503
    process = run(web, [REGISTER], rate=40)
    assert process.reports[-1].failed >= 10
    assert process.reports[-1].ok == 0


def test_nobody_there_is_a_failure_not_an_end() -> None:
    process = Process(f"http://127.0.0.1:{free_port()}", [REGISTER], rate=20)
    try:
        eventually(lambda: process.reports and process.reports[-1].failed > 5, 20)
    finally:
        assert process.stop() == 0


def test_without_a_task_it_says_so() -> None:
    env = {name: value for name, value in os.environ.items() if name != "LAB_LOAD"}
    ended = subprocess.run([sys.executable, "-m", "lab.load"], env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "LAB_LOAD" in ended.stderr
