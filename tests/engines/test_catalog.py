"""Which tier an engine takes, and what is said when it cannot be had."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lab.engines import catalog
from lab.engines.recipe import EngineUnavailable, Place
from lab.engines.redis import tiers as redis_engine
from lab.engines.sql import tiers as sql
from lab.system import extras
from lab.system.model import Engine


def place(folder: Path) -> Place:
    return Place(data=folder, port=lambda: 20_001, users=("orders",))


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine on which nothing is installed."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sql, "INSTALLED", ())
    monkeypatch.setattr("lab.engines.amqp.tiers.shutil.which", lambda *_, **__: None)


def test_embedded_is_the_default_and_kinds_go_before_the_star() -> None:
    assert catalog.choose("redis", {}, {}) == ("embedded", "")
    assert catalog.choose("redis", {"*": "native", "redis": "embedded"}, {}) == ("embedded", "")


def test_a_url_comes_from_the_options_or_the_environment() -> None:
    assert catalog.choose("redis", {"redis": "redis://box:6379/3"}, {}) == ("url", "redis://box:6379/3")
    assert catalog.choose("amqp", {}, {"LAB_AMQP_URL": "amqp://a:b@box/v"}) == ("url", "amqp://a:b@box/v")
    assert catalog.choose("amqp", {"*": "embedded"}, {"LAB_AMQP_URL": "amqp://box"}) == ("embedded", "")


@pytest.mark.parametrize(
    ("kind", "asked", "said"),
    [
        ("redis", "url", "set LAB_REDIS_URL to its URL"),
        ("redis", "rediss://box", "cannot look into TLS; give it a redis:// URL"),
        ("redis", "http://box", "is not a URL like redis://host:port"),
        ("amqp", "amqp://box:port", "is not a URL like amqp://host:port"),
        ("sql", "nonsense", "is not a URL like postgresql://host:port"),
        ("kafka", "url", "set LAB_KAFKA_BOOTSTRAP to its URL"),
        ("kafka", "http://box", "is not a URL like host:port"),
        ("kafka", "native", "there is no native tier"),
    ],
)
def test_what_is_no_tier_is_refused(kind: str, asked: str, said: str) -> None:
    with pytest.raises(EngineUnavailable, match=said):
        catalog.choose(kind, {kind: asked}, {})


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("kind", "package"), [("redis", "redis-server"), ("amqp", "rabbitmq-server"), ("sql", "postgresql")]
)
def test_a_missing_engine_says_how_to_get_it(kind: str, package: str) -> None:
    with pytest.raises(EngineUnavailable, match=f"apt install {package}"):
        catalog.choose(kind, {"*": "native"}, {})


def test_a_url_keeps_its_login_and_path_behind_the_tap(tmp_path: Path) -> None:
    engine = Engine(name="broker", kind="amqp")
    recipe = catalog.recipe(engine, {"amqp": "amqp://me:secret@box/v"}, place(tmp_path), {})
    assert (recipe.host, recipe.port, recipe.url) == ("box", 5672, "amqp://me:secret@{address}/v")
    assert "secret" not in recipe.title


@pytest.mark.parametrize("bootstrap", ["box", "box:9092", "box:9092,box-2:9092"])
def test_kafka_is_found_by_host_and_port(bootstrap: str, tmp_path: Path) -> None:
    engine = Engine(name="log", kind="kafka")
    recipe = catalog.recipe(engine, {}, place(tmp_path), {"LAB_KAFKA_BOOTSTRAP": bootstrap})
    assert (recipe.host, recipe.port, recipe.url) == ("box", 9092, "{address}")


def test_kafka_without_its_client_is_refused_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engine, way_out = Engine(name="log", kind="kafka"), r"which is not installed.*pip install 'lab\[kafka\]'"
    monkeypatch.setattr("lab.engines.kafka.librdkafka.find_spec", lambda _: None)
    monkeypatch.setattr(extras, "find_spec", lambda _: None)
    with pytest.raises(EngineUnavailable, match=way_out):
        catalog.recipe(engine, {}, place(tmp_path), {})
    # One that runs elsewhere needs nothing here, but services in Python do.
    assert catalog.recipe(engine, {"kafka": "box:9092"}, place(tmp_path), {}).tier == "url"
    with pytest.raises(EngineUnavailable, match=way_out):
        catalog.recipe(engine, {"kafka": "box:9092"}, replace(place(tmp_path), python=True), {})
    report = next(report for report in catalog.doctor(env={}) if report.kind == "kafka")
    assert (report.tiers[0].available, report.tiers[0].detail) == (False, "python3 -m pip install 'lab[kafka]'")


@pytest.mark.usefixtures("bare")
def test_the_embedded_redis_is_tried_before_it_is_promised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    store = Engine(name="store", kind="redis")
    assert catalog.recipe(store, {}, place(tmp_path), {}).title.startswith("Valkey ")
    broken = tmp_path / "valkey-server"
    broken.write_bytes(b"of another machine")
    broken.chmod(0o755)
    monkeypatch.setattr(redis_engine, "bundled", lambda: str(broken))
    monkeypatch.setattr(redis_engine, "find", lambda: None)
    with pytest.raises(EngineUnavailable, match="does not run on this machine; to get one: apt install redis-server"):
        catalog.recipe(store, {}, place(tmp_path), {})
    report = next(report for report in catalog.doctor(env={}) if report.kind == "redis")
    assert not report.tiers[0].available
    assert "apt install redis-server" in report.tiers[0].detail


def test_a_server_that_is_slow_to_say_its_version_is_one_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def slow(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("valkey-server", 5)

    monkeypatch.setattr("lab.engines.redis.tiers.subprocess.run", slow)
    assert catalog.recipe(Engine(name="store", kind="redis"), {}, place(tmp_path), {}).title == "Valkey"


@pytest.mark.usefixtures("bare")
def test_doctor_tells_what_is_missing_and_what_embedded_does_not_prove() -> None:
    reports = {report.kind: report for report in catalog.doctor(env={"LAB_REDIS_URL": "redis://me:secret@box"})}
    assert set(reports) == {"redis", "amqp", "kafka", "sql"}
    assert [tier.available for tier in reports["amqp"].tiers] == [True, False, False]
    assert "brew install rabbitmq" in reports["amqp"].tiers[1].detail
    assert reports["redis"].taken == "url"
    assert reports["redis"].tiers[2].detail == "redis://box"
    assert "one writer" in reports["sql"].caveat


@pytest.mark.redis_server
@pytest.mark.skipif(redis_engine.find() is None, reason="redis-server is not installed")
def test_doctor_names_the_version_it_found() -> None:
    report = next(report for report in catalog.doctor() if report.kind == "redis")
    assert report.tiers[1].available
    assert report.tiers[1].detail.startswith(("Redis ", "Valkey "))


@pytest.fixture
def without_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """What README's own install gives: PostgreSQL may be there, but nothing that speaks with it."""
    monkeypatch.setattr(extras, "find_spec", lambda name: None if name == "psycopg" else object())
    monkeypatch.setattr(sql, "find", lambda: "/usr/lib/postgresql/15/bin")
    monkeypatch.setattr(sql, "version", lambda: "PostgreSQL 15.6")


@pytest.mark.usefixtures("without_driver")
@pytest.mark.parametrize("asked", ["native", "postgresql://box/shop"])
def test_a_missing_driver_is_said_before_anything_starts(asked: str, tmp_path: Path) -> None:
    engine = Engine(name="db", kind="sql")
    with pytest.raises(EngineUnavailable, match=r"psycopg, which is not installed; .*pip install 'lab\[postgres"):
        catalog.recipe(engine, {"sql": asked}, replace(place(tmp_path), python=True), {})
    # Programs in other languages bring a driver of their own.
    assert catalog.recipe(engine, {"sql": asked}, place(tmp_path), {}).tier in ("native", "url")
    assert catalog.recipe(engine, {}, replace(place(tmp_path), python=True), {}).tier == "embedded"


@pytest.mark.usefixtures("without_driver")
def test_doctor_does_not_promise_an_engine_that_services_cannot_reach() -> None:
    native = next(
        tier for one in catalog.doctor({}, {}) if one.kind == "sql" for tier in one.tiers if tier.tier == "native"
    )
    assert not native.available
    assert native.detail == "PostgreSQL 15.6, but not psycopg: python3 -m pip install 'lab[postgres]'"
