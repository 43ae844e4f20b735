"""What is exported does its work outside of the lab: its containers' commands, run by hand against real servers."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis

from lab.course import systems
from lab.engines.sql import tiers as sql
from lab.export.folder import export
from tests.brokers import rabbitmq_installed
from tests.export.by_hand import PATIENCE, running
from tests.export.written import Container, compose, kubernetes

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.skipif(sql.find() is None, reason="PostgreSQL is not installed"),
    pytest.mark.timeout(300),
]
PERSON = {"email": "visitor@example.uz", "name": "Visitor"}


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users may enter, which a test's own is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.rabbitmq
@pytest.mark.skipif(not rabbitmq_installed(), reason="RabbitMQ is not installed")
def test_an_order_comes_to_its_end_over_rabbitmq(place: Path) -> None:
    containers = exported(place, "compose", "day3")
    with running(containers, place / "out", place) as urls:
        order(urls)


def test_an_order_comes_to_its_end_over_kafka(place: Path) -> None:
    pytest.importorskip("confluent_kafka")
    containers = exported(place, "k8s", "day3", broker="kafka")
    with running(containers, place / "out", place) as urls:
        order(urls)


@pytest.mark.redis_server
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_products_are_kept_in_redis_behind_its_password(place: Path) -> None:
    containers = exported(place, "k8s", "day4")
    (store,) = (one for one in containers if one.name == "redis")
    with running(containers, place / "out", place) as urls:
        client = browser(urls["catalog"])
        first, second = client.get("/products/2").json(), client.get("/products/2").json()
        assert first["price"] == second["price"]
        port = int(urls["redis"].rpartition(":")[2])
        assert redis.Redis("127.0.0.1", port, password=store.env["REDIS_PASSWORD"]).dbsize() == 1
        with pytest.raises(redis.AuthenticationError):
            redis.Redis("127.0.0.1", port).dbsize()


@pytest.mark.rabbitmq
@pytest.mark.redis_server
@pytest.mark.skipif(not rabbitmq_installed(), reason="RabbitMQ is not installed")
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_the_monolith_and_its_new_neighbours_share_no_database(place: Path) -> None:
    containers = exported(place, "compose", "day6")
    told = [one.env["DATABASE_URL"] for one in containers if "DATABASE_URL" in one.env]
    assert len({url.partition("://")[2].partition(":")[0] for url in told}) == len(told) > 1
    with running(containers, place / "out", place) as urls:
        client = browser(urls["gateway"])
        user = client.post("/users", json=PERSON).json()["id"]
        client.post(f"/wallets/{user}/deposit", json={"amount": 5000})
        placed = client.post("/orders", json={"user_id": user, "amount": 1000}).json()
        assert client.post(f"/orders/{placed['id']}/pay").json()["status"] == "paid"


def exported(place: Path, to: Any, day: str, **settings: str) -> list[Container]:
    export(systems.find(day, settings), to, place / "out")
    read: Callable[[Path], Iterator[Container]] = compose if to == "compose" else kubernetes
    return list(read(place / "out"))


def order(urls: Mapping[str, str]) -> None:
    """Somebody registers and orders; the services tell each other, and at the end a mail is out."""
    user = browser(urls["users"]).post("/users", json=PERSON).json()["id"]
    orders = browser(urls["orders"])
    until = time.monotonic() + PATIENCE
    # Orders knows users by their events: until that one has come, there is nobody of that name.
    while (placed := orders.post("/orders", json={"user_id": user, "amount": 1000})).is_error:
        assert time.monotonic() < until, placed.text
        time.sleep(0.1)
    while (found := orders.get(f"/orders/{placed.json()['id']}").json())["status"] != "confirmed":
        assert time.monotonic() < until, found
        time.sleep(0.1)
    while (written := placed.json()["id"]) not in browser(urls["mail"]).get("/mails").text:
        assert time.monotonic() < until, written
        time.sleep(0.1)


def browser(url: str) -> httpx.Client:
    return httpx.Client(base_url=url, timeout=10, trust_env=False)
