"""What Friday's services say of themselves, as plain programs without a lab: JSON lines, and metrics for Prometheus."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.brokers import free_port
from tests.waiting import eventually

NOBODY = "http://127.0.0.1:9"


class Service:
    """One of them as its own process, told everything by its environment."""

    def __init__(self, folder: Path, name: str, **env: str) -> None:
        self.name, self._log = name, folder / f"{name}.log"
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        given = {"DATABASE_URL": f"sqlite:///{folder / name}.db", "PORT": str(port), "PATH": os.environ["PATH"], **env}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"lab.day5_resilience.{name}"], env=given, stdout=log, stderr=subprocess.STDOUT
            )

    def ready(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"{self.url}/readyz", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def lines(self) -> list[dict[str, Any]]:
        """What it has written; each line must be a JSON object."""
        return [json.loads(line) for line in self._log.read_text(encoding="utf-8").splitlines()]

    def metrics(self) -> dict[tuple[str, ...], float]:
        """By name and the values of labels. Raises ValueError if Prometheus could not read them."""
        answer = httpx.get(f"{self.url}/metrics", trust_env=False)
        assert answer.headers["Content-Type"].startswith("text/plain")
        return {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
        }


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Service, Service, Service]]:
    """users, orders and gateway; whom else gateway could ask is not there."""
    users = Service(tmp_path, "users")
    orders = Service(tmp_path, "orders", USERS_URL=users.url)
    others = {f"{name}_URL": NOBODY for name in ("RECO", "REPORT", "JOBS")}
    gateway = Service(tmp_path, "gateway", USERS_URL=users.url, ORDERS_URL=orders.url, **others)
    services = users, orders, gateway
    try:
        for service in services:
            eventually(service.ready, timeout=60, every=0.1)
        yield services
    finally:
        for service in services:
            service.process.kill()
            service.process.wait()


def test_each_line_is_json_and_each_metric_counts_what_was_asked(shop: tuple[Service, Service, Service]) -> None:
    users, orders, gateway = shop
    secret = "s3cr3t-t0k3n"
    with httpx.Client(base_url=gateway.url, trust_env=False, headers={"Authorization": f"Bearer {secret}"}) as visitor:
        people = [
            visitor.post("/users", json={"email": f"v{n}@example.uz", "name": "V"}).json()["id"] for n in range(12)
        ]
        for person in people:
            page = visitor.get(f"/home/{person}", headers={"X-Request-ID": f"page-{person}"}).json()
            assert page["degraded"] == ["recommendations"]
        for number in range(5):
            assert visitor.get(f"/orders/none-{number}").status_code == 404

    seen = gateway.metrics()
    assert seen["http_requests_total", "POST", "/users", "201"] == 12
    assert seen["http_requests_total", "GET", "/home/{user_id}", "200"] == 12
    assert seen["http_requests_total", "GET", "/orders/{order_id}", "404"] == 5
    requests = [(key, value) for key, value in seen.items() if key[0] == "http_requests_total"]
    assert sum(value for _, value in requests) == 29
    assert len(requests) == 3, "a route is its template, not a path with an id"
    assert seen["dependency_requests_total", "orders", "ok"] == 17
    assert seen["dependency_requests_total", "reco", "failed"] == 12
    assert seen["fallback_total", "reco"] == 12
    assert seen["breaker_state", "orders"] == 0
    assert seen["dependency_request_seconds_count", "orders"] == 17
    buckets = [value for key, value in seen.items() if key[:2] == ("dependency_request_seconds_bucket", "orders")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 17
    assert orders.metrics()["dependency_attempts_total", "users"] == 12
    assert users.metrics()["http_requests_total", "GET", "/users/{user_id}", "200"] == 12

    for service in shop:
        for line in service.lines():
            assert {"ts", "level", "service", "msg"} <= line.keys()
            assert line["service"] == service.name
            assert secret not in json.dumps(line)
    page = f"page-{people[0]}"
    for service in shop:
        assert any(line.get("correlation_id") == page for line in service.lines()), service.name
    (told,) = [line for line in gateway.lines() if line.get("neighbour") == "reco" and line["correlation_id"] == page][
        :1
    ]
    assert (told["level"], told["event"], told["outcome"]) == ("warning", "call", "failed")


def test_an_outage_is_told_by_state_and_count_and_not_by_a_storm_of_lines(
    shop: tuple[Service, Service, Service],
) -> None:
    users, orders, gateway = shop
    users.process.kill()
    users.process.wait()
    with httpx.Client(base_url=gateway.url, trust_env=False, timeout=30) as visitor:
        answers = [visitor.get("/home/somebody") for _ in range(40)]
    assert {answer.json()["code"] for answer in answers} == {"users_unavailable"}
    seen = orders.metrics()
    assert seen["breaker_state", "users"] == 1
    assert seen["breaker_transitions_total", "users", "open"] >= 1
    assert (
        seen["dependency_requests_total", "users", "failed"] + seen["dependency_requests_total", "users", "open"] == 40
    )
    attempts, retries = seen["dependency_attempts_total", "users"], seen["retries_total", "users"]
    assert 0 < retries < attempts < 40
    assert seen["retry_budget_left", "users"] < 10
    assert httpx.get(f"{orders.url}/healthz", trust_env=False).status_code == 200
    lines = orders.lines()
    assert len(lines) <= 2 * 40 + 10
    (opened, *_) = (line for line in lines if line.get("event") == "breaker" and line["state"] == "open")
    assert "of the last 20 failed" in opened["why"]
