"""Engines that run already, named by their URLs: each run works on them, and leaves there what it says it leaves."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from lab.engines.recipe import EngineUnavailable
from lab.engines.sql import tiers as sql
from lab.engines.sql.elsewhere import Databases
from lab.journal.event import EngineState
from lab.runtime.api import RunOptions
from lab.runtime.launch import begin
from lab.system.model import Engine, Link, Service, System
from tests import postgres
from tests.brokers import RabbitNode, free_port, rabbitmq_installed
from tests.playing import Played, play

HAS_POSTGRES = pytest.mark.skipif(sql.find() is None, reason="PostgreSQL is not installed")
SECRET = "not-in-any-journal"


@pytest.fixture
def cluster() -> Iterator[str]:
    """The URL of a PostgreSQL. Its folder is outside of root's, which it would not enter."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "data").mkdir()
        with postgres.private(Path(folder) / "data", free_port()) as url:
            yield url


@pytest.mark.rabbitmq
@pytest.mark.postgres
@pytest.mark.timeout(300)
@HAS_POSTGRES
@pytest.mark.skipif(not rabbitmq_installed(), reason="RabbitMQ is not installed")
def test_an_order_over_a_broker_and_databases_of_ones_own(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = databases(cluster)
    with Broker(tmp_path / "rabbit") as broker:
        monkeypatch.setenv("LAB_AMQP_URL", broker.url.replace("guest:guest", f"shop:{SECRET}"))
        monkeypatch.setenv("LAB_SQL_URL", cluster)
        run = play(tmp_path / "home", "day3", "happy")
    assert tiers(run) == {"broker": "url", "db": "url"}
    assert run.answers
    assert databases(cluster) == before
    assert any("a virtual host of its own" in note.text for note in run.notes("run"))
    password = cluster.partition("@")[0].rpartition(":")[2]
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            kept = path.read_bytes()
            assert SECRET.encode() not in kept, path
            assert password.encode() not in kept, path


@pytest.mark.redis_server
@pytest.mark.skipif(shutil.which("redis-server") is None, reason="redis-server is not installed")
def test_a_cache_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    server = subprocess.Popen(["redis-server", "--port", str(port), "--save", "", "--requirepass", SECRET], stdout=-3)
    try:
        client = redis.Redis("127.0.0.1", port, db=5, password=SECRET)
        until = time.monotonic() + 30
        while not answers(client):
            assert time.monotonic() < until
            time.sleep(0.05)
        monkeypatch.setenv("LAB_REDIS_URL", f"redis://:{SECRET}@127.0.0.1:{port}/5")
        run = play(tmp_path / "home", "day4", "warm-up")
        kept = client.dbsize()
    finally:
        server.terminate()
        server.wait(30)
    assert tiers(run)["redis"] == "url"
    assert kept
    assert SECRET.encode() not in b"".join(path.read_bytes() for path in (tmp_path / "home").rglob("*.ndjson"))


@pytest.mark.timeout(240)
def test_a_kafka_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("confluent_kafka")
    port = free_port()
    cluster = subprocess.Popen([sys.executable, "-m", "lab.engines.kafka", "--port", str(port)], stdout=-3, stderr=-3)
    try:
        monkeypatch.setenv("LAB_KAFKA_BOOTSTRAP", f"127.0.0.1:{port}")
        until = time.monotonic() + 60
        while cluster.poll() is None and time.monotonic() < until and not listening(port):
            time.sleep(0.05)
        run = play(tmp_path / "home", "day3", "happy", broker="kafka")
    finally:
        cluster.terminate()
        cluster.wait(30)
    assert tiers(run)["broker"] == "url"
    assert run.answers


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("amqp", "amqp://me:{secret}@127.0.0.1:{port}"),
        ("redis", "redis://:{secret}@127.0.0.1:{port}"),
        ("sql", "postgresql://me:{secret}@127.0.0.1:{port}/shop"),
        ("kafka", "127.0.0.1:{port}"),
    ],
)
def test_where_nobody_serves_nothing_starts(
    kind: str, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    port = free_port()
    with pytest.raises(EngineUnavailable, match=f"{kind}: nobody serves at 127.0.0.1:{port}") as caught:
        begin(toy(kind), RunOptions(tiers={kind: url.format(port=port, secret=SECRET)}))
    assert SECRET not in str(caught.value)
    assert not (tmp_path / "home").exists()


def test_a_database_that_our_services_do_not_speak_is_refused() -> None:
    with pytest.raises(EngineUnavailable, match=r"speak postgresql://, .*not mysql://"):
        begin(toy("sql"), RunOptions(tiers={"sql": "mysql://box/shop"}))


@pytest.mark.postgres
@HAS_POSTGRES
def test_who_may_not_make_databases_is_told_what_allows_it(cluster: str) -> None:
    with psycopg.connect(cluster, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE guest_only LOGIN PASSWORD '{SECRET}'")
    as_guest = f"postgresql://guest_only:{SECRET}@{cluster.rpartition('@')[2]}"
    with pytest.raises(EngineUnavailable, match="ALTER ROLE guest_only CREATEDB") as caught:
        Databases(as_guest, ["orders"]).make()
    assert SECRET not in str(caught.value)
    with pytest.raises(EngineUnavailable, match="lets nobody in") as caught:
        Databases(as_guest.replace(SECRET, "wrong-password"), ["orders"]).make()
    assert "wrong-password" not in str(caught.value)


@pytest.mark.postgres
@HAS_POSTGRES
def test_databases_are_taken_away_also_from_under_a_client(cluster: str) -> None:
    before = databases(cluster)
    made = Databases(cluster, ["orders", "users-api"])
    made.make()
    assert databases(cluster) - before == {f"{made.prefix}orders", f"{made.prefix}users_api"}
    with psycopg.connect(cluster.replace("/postgres", f"/{made.prefix}orders"), autocommit=True):
        assert made.remove() == ""
    assert databases(cluster) == before


class Broker(RabbitNode):
    """A RabbitMQ with a password that is not everybody's."""

    def environment(self) -> dict[str, str]:
        return {**super().environment(), "RABBITMQ_DEFAULT_USER": "shop", "RABBITMQ_DEFAULT_PASS": SECRET}


def toy(kind: str) -> System:
    return System(
        name="toy",
        services=(Service(name="orders", module="tests.nowhere"),),
        engines=(Engine(name="store", kind=kind),),
        links=(Link(source="orders", target="store", protocol=kind, env="STORE"),),
    )


def tiers(run: Played) -> dict[str, str]:
    return {event.source: event.tier for event in run.events if isinstance(event, EngineState)}


def databases(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
