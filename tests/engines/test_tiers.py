"""The engines on every tier this machine has: a client reaches each over its link's tap, and kills are survived."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pika
import psutil
import pytest
import redis
import sqlalchemy
from pika.exceptions import AMQPConnectionError

from lab.cli.look.ps import ps
from lab.engines.amqp import tiers as rabbitmq
from lab.engines.redis import tiers as redis_engine
from lab.engines.sql import tiers as sql
from lab.journal.event import EngineState, Flow, Queue
from lab.journal.picture.queue import Queues
from lab.runtime.api import ControlError
from lab.system.model import Engine, Link, Service, System
from tests.kafka_cluster import ThreeBrokers, produced, producer, reader
from tests.runtime.live import Live, marked, started
from tests.waiting import eventually

REDIS = [
    "embedded",
    pytest.param(
        "native",
        marks=[
            pytest.mark.redis_server,
            pytest.mark.skipif(redis_engine.find() is None, reason="redis-server is not installed"),
        ],
    ),
]
RABBITMQ = [pytest.mark.rabbitmq, pytest.mark.skipif(rabbitmq.find() is None, reason="RabbitMQ is not installed")]
AMQP = ["embedded", pytest.param("native", marks=RABBITMQ)]
POSTGRES = [
    pytest.mark.postgres,
    pytest.mark.skipif(sql.find() is None, reason="PostgreSQL is not installed"),
]


@pytest.fixture(autouse=True)
def lab_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))


def system(kind: str, suffix: str = "") -> System:
    """An idle service with a link to one engine."""
    return System(
        name="toy",
        services=(Service(name="user-one", command=("sleep", "600"), ready="started"),),
        engines=(Engine(name="store", kind=kind),),
        links=(Link(source="user-one", target="store", protocol=kind, suffix=suffix),),
    )


def restarted(live: Live) -> None:
    live.control.act("store", "kill")
    eventually(lambda: (p := live.process("store")).restarts == 1 and p.state == "ready", 60)


def flows(live: Live) -> list[str]:
    return [event.op for event in live.events() if isinstance(event, Flow)]


@pytest.mark.parametrize("tier", REDIS)
def test_redis(tier: str) -> None:
    with started(system("redis", "/0"), tiers={"redis": tier}) as live:
        live.ready()
        assert live.status().tiers == {"store": tier}
        client = redis.Redis.from_url(live.url("user-one->store"), socket_timeout=5)
        client.set("greeting", "hello")
        assert client.get("greeting") == b"hello"
        eventually(lambda: {"SET greeting", "GET greeting"} <= set(flows(live)))
        assert "WARNING" not in "".join(live.logged("store"))  # nobody is told to set up a machine for it
        restarted(live)
        client.set("again", "there")
        assert client.mget("greeting", "again") == [b"hello", b"there"]
        client.close()


@pytest.mark.parametrize("tier", REDIS)
def test_no_user_of_the_machine_has_redis_write_or_run_what_they_like(tier: str) -> None:
    with started(system("redis"), tiers={"redis": tier}) as live:
        live.ready()
        port = urlsplit(live.process("store").url).port
        words = " ".join(psutil.Process(live.pid("store")).cmdline())
        assert (password := urlsplit(live.url("user-one->store")).password or "") == "" or password not in words
        stranger = redis.Redis(host="127.0.0.1", port=int(port or 0), socket_timeout=5)
        for attempt in ("CONFIG SET dir /tmp", "CONFIG SET dbfilename x", "MODULE LOAD /tmp/x.so", "DEBUG SLEEP 0"):
            with pytest.raises((redis.ResponseError, redis.AuthenticationError)):
                stranger.execute_command(*attempt.split())  # type: ignore[no-untyped-call]
        if tier == "native":
            with pytest.raises(redis.AuthenticationError):
                stranger.get("greeting")
        stranger.close()


def test_kafka_is_reached_over_its_tap_and_forgets_all_when_it_is_killed() -> None:
    with started(system("kafka")) as live:
        live.ready()
        address = live.url("user-one->store")
        with producer(address) as client:
            assert produced(client, "letters", "hello") == [0]
        with reader(address, "letters") as consumer:
            consumer.until(lambda: consumer.got == ["hello"])
            assert consumer.commit() == ""
        eventually(lambda: {"produce letters", "confirm letters", "fetch letters"} <= set(flows(live)))
        restarted(live)
        with producer(address) as client:
            assert produced(client, "letters", "again") == [0]
        assert "mock cluster of librdkafka" in "".join(live.logged("store"))


def test_a_kafka_has_the_topics_that_its_system_declares() -> None:
    plain = system("kafka")
    declared = replace(plain, engines=(replace(plain.engines[0], topics={"letters": 2, "parcels": 7}),))
    with started(declared) as live:
        live.ready()
        with producer(live.url("user-one->store")) as client:
            known = client.list_topics(timeout=10).topics
            assert {name: len(topic.partitions) for name, topic in known.items()} == {"letters": 2, "parcels": 7}
            produced(client, "others", "made as it is first used")
            assert len(client.list_topics("others", timeout=10).topics["others"].partitions) == 4


def test_how_far_a_group_is_behind_is_watched() -> None:
    with started(system("kafka")) as live:
        live.ready()
        address = live.url("user-one->store")

        def depths() -> list[Queue]:
            states = [event.queues for event in live.events() if isinstance(event, EngineState) and event.queues]
            return list(states[-1].values()) if states else []

        with producer(address) as client:
            produced(client, "letters", "a", "b", "c")
            with reader(address, "letters", "post") as consumer:
                consumer.until(lambda: consumer.got == ["a", "b", "c"])
                eventually(lambda: depths() == [Queue(ready=3, consumers=1)])
                assert consumer.commit() == ""
                eventually(lambda: depths() == [Queue(ready=0, consumers=1)])
            produced(client, "letters", "d", "e")
            eventually(lambda: depths() == [Queue(ready=2, consumers=0)])
        queues = Queues()
        for event in live.events():
            queues.apply(event)
        (queue,) = [queue for queue in queues.by_name.values() if queue.delivered]
        assert queue.name.startswith("post/letters/")
        assert (queue.ready, queue.unacked, queue.delivered) == (2, 0, 3)


def test_kafka_of_ones_own_is_met_with_all_its_brokers(tmp_path: Path) -> None:
    with ThreeBrokers(tmp_path) as cluster, started(system("kafka"), tiers={"kafka": cluster.address}) as live:
        live.ready()
        assert live.status().tiers == {"store": "url"}
        address = live.url("user-one->store")
        assert address != cluster.address
        values = [f"m{number}" for number in range(12)]
        with producer(address) as client:
            for value in values:
                produced(client, "letters", value, key=value)
        with reader(address, "letters") as consumer:
            consumer.until(lambda: sorted(consumer.got) == sorted(values))
        seen = flows(live)
        assert seen.count("confirm letters") == seen.count("fetch letters") == 12


def test_a_frozen_kafka_answers_when_it_goes_on() -> None:
    with started(system("kafka")) as live:
        live.ready()
        with producer(live.url("user-one->store")) as client:
            produced(client, "letters", "before")
            live.control.act("store", "freeze")
            client.produce("letters", "during")
            assert client.flush(0.5) == 1
            live.control.act("store", "thaw")
            assert client.flush(10) == 0


@pytest.mark.parametrize("tier", AMQP)
def test_amqp_keeps_what_is_durable_and_its_queues_are_watched(tier: str) -> None:
    with started(system("amqp"), tiers={"amqp": tier}) as live:
        live.ready(90)
        url = live.url("user-one->store")
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.queue_declare("letters", durable=True)
            for _ in range(3):
                channel.basic_publish("", "letters", b"hello", pika.BasicProperties(delivery_mode=2))
        states = eventually(
            lambda: [
                e
                for e in live.events()
                if isinstance(e, EngineState) and (q := e.queues.get("letters")) and q.ready == 3
            ]
        )
        assert states[-1].source == "store"
        restarted(live)
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            _, _, body = connection.channel().basic_get("letters")
            assert body == b"hello"


def test_sqlite_is_a_file_of_the_service() -> None:
    with started(system("sql")) as live:
        live.ready()
        assert live.process("store").pid is None
        url = live.url("user-one->store")
        assert url == f"sqlite:///{live.record.folder}/data/user-one/user-one.db"
        engine = sqlalchemy.create_engine(url)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("create table notes (text varchar)"))
        engine.dispose()
        for fault in ("latency user-one:store 300ms", "partition user-one<->store"):
            with pytest.raises(ControlError, match=r"is a file of user-one.*--engine sql=native"):
                live.control.add_fault(fault)
        assert not live.status().faults


@pytest.mark.parametrize("_", [pytest.param(None, marks=POSTGRES, id="native")])
def test_postgres_has_a_database_a_service_and_survives_a_kill(_: None) -> None:
    with started(system("sql"), tiers={"sql": "native"}) as live:
        live.ready(60)
        url = live.url("user-one->store")
        assert url.endswith("/user_one")
        engine = sqlalchemy.create_engine(url, pool_pre_ping=True)
        with engine.begin() as connection:
            connection.execute(sqlalchemy.text("create table notes (text varchar)"))
            connection.execute(sqlalchemy.text("insert into notes values ('kept')"))
        restarted(live)
        with engine.begin() as connection:
            assert connection.execute(sqlalchemy.text("select text from notes")).scalar_one() == "kept"
        live.control.act("store", "freeze")
        with pytest.raises(sqlalchemy.exc.OperationalError):
            sqlalchemy.create_engine(url, connect_args={"connect_timeout": 1}).connect()
        live.control.act("store", "thaw")
        with engine.begin() as connection:
            assert connection.execute(sqlalchemy.text("select 1")).scalar_one() == 1
        live.control.act("store", "restart")  # with a session open: it is asked not to wait for that
        eventually(lambda: (p := live.process("store")).restarts == 2 and p.state == "ready", 60)
        assert any("database system is shut down" in line for line in live.logged("store"))
        engine.dispose()
        folder = live.record.folder
    eventually(lambda: not marked(folder))


def test_an_engine_by_url_is_tapped_but_not_started() -> None:
    with started(system("redis"), tiers={"redis": "embedded"}) as provider:
        provider.ready()
        with started(system("redis"), tiers={"redis": provider.process("store").url}) as live:
            live.ready()
            assert live.status().tiers == {"store": "url"}
            client = redis.Redis.from_url(live.url("user-one->store"), socket_timeout=5)
            client.set("far", "away")
            eventually(lambda: "SET far" in flows(live))
            client.close()
            with pytest.raises(Exception, match="store is not started by the lab"):
                live.control.act("store", "kill")
            provider.control.stop()
            assert "refuses connections" in live.until("store", "degraded").reason


@pytest.mark.parametrize("kind", [pytest.param("sql", marks=POSTGRES), pytest.param("amqp", marks=RABBITMQ)])
def test_another_user_of_this_machine_is_not_let_in(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever reaches PostgreSQL's port as its superuser can run programs as the learner."""
    with started(system(kind), tiers={kind: "native"}) as live:
        live.ready(90)
        given = urlsplit(live.url("user-one->store"))
        assert given.password
        assert len(given.password) >= 32
        refused: type[Exception] = sqlalchemy.exc.OperationalError if kind == "sql" else AMQPConnectionError
        connect = pika_connection if kind == "amqp" else sql_connection
        for login in ("lab:lab", "guest:guest", "postgres:postgres"):
            with pytest.raises(refused):
                connect(given._replace(netloc=f"{login}@{given.hostname}:{given.port}").geturl())
        connect(given.geturl())
        arguments = [psutil.Process(pid).cmdline() for pid in marked(live.record.folder)]
        assert given.password not in str(arguments)
        ps(as_json=True)
        assert given.password not in capsys.readouterr().out
        files = [path for path in live.record.folder.iterdir() if path.is_file()]
        assert not [path for path in files if given.password in path.read_text("latin1")]


def pika_connection(url: str) -> None:
    pika.BlockingConnection(pika.URLParameters(f"{url}/")).close()


def sql_connection(url: str) -> None:
    engine = sqlalchemy.create_engine(url)
    engine.connect().close()
    engine.dispose()


def test_httpx_is_not_confused_by_a_tcp_link() -> None:
    python = shutil.which("python3") or "python3"
    files = Service(name="files", command=(python, "-m", "http.server", "$PORT", "--bind", "$HOST"), ready="tcp")
    raw = System(name="toy", services=(files,), links=(Link(source="client", target="files", protocol="tcp"),))
    with started(raw) as live:
        live.ready()
        assert httpx.get(live.url("client->files").replace("tcp://", "http://")).status_code == 200
